//! Of the acceptance suite, what reads JSON and checks signatures; and a library that has the backends too.

mod beside_jsonwebtoken;
#[path = "../acceptance/tests/issuer.rs"]
mod issuer;
#[path = "../acceptance/tests/keys.rs"]
mod keys;
#[path = "../acceptance/tests/profiles.rs"]
mod profiles;
#[path = "../acceptance/tests/tokens.rs"]
mod tokens;
