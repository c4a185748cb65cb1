use jwt_tower::{Authenticator, KeySet};

struct User {
    name: String,
}

fn main() {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes").unwrap();
    let auth = Authenticator::<User>::builder().keys(keys).audience("api").build().unwrap();
    drop(auth);
}
