use jwt_tower::{Authenticator, KeySet};

#[derive(serde::Deserialize)]
struct User {
    level: u32,
}

fn main() {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes").unwrap();
    let auth = Authenticator::<User>::builder().keys(keys).audience("api").scopes(|user| &user.level).build();
    drop(auth);
}
