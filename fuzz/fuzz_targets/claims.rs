//! See `jwt_fuzz::claims`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::claims(data);
});
