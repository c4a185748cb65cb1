use jwt_tower::{Authenticator, KeySet};

#[derive(serde::Deserialize)]
struct User<'a> {
    name: &'a str,
}

fn main() {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes").unwrap();
    let auth = Authenticator::<User>::builder().keys(keys).audience("api").build().unwrap();
    drop(auth);
}
