//! See `jwt_fuzz::remote_signature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::remote_signature(data);
});
