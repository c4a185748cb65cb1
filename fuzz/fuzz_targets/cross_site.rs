//! See `jwt_fuzz::cross_site`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::cross_site(data);
});
