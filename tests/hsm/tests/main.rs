//! Tokens that are signed in a PKCS#11 token, whose private key never leaves it.

mod softhsm;
