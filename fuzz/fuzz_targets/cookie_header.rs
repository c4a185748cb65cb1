//! See `jwt_fuzz::cookie_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::cookie_header(data);
});
