//! See `jwt_fuzz::client_certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::client_certificate(data);
});
