//! See `jwt_fuzz::opaque_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::opaque_token(data);
});
