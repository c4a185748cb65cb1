//! See `jwt_fuzz::compact_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::compact_token(data);
});
