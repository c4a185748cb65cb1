//! See `jwt_fuzz::htu`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::htu(data);
});
