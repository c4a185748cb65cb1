//! See `jwt_fuzz::dpop_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::dpop_proof(data);
});
