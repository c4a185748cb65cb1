use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::{Credentials, Refused, User};

/// One hash takes 19 MiB for some tens of milliseconds. More at once would only wait for each other.
const HASHES_AT_ONCE: usize = 2;

/// Who there is, and what their passwords hash to. A real service keeps this in its database.
pub(crate) struct Users {
    known: HashMap<String, (User, PasswordHash)>,
    nobody: PasswordHash,
    turns: Semaphore,
}

impl Users {
    /// Alice and Bob.
    pub(crate) fn new() -> Result<Self, argon2::password_hash::Error> {
        // Argon2id, 19 MiB, two passes: what OWASP recommends.
        let hash = |password: &str| Argon2::default().hash_password(password.as_bytes());
        let known = [("alice", "Alice", "follow the white rabbit"), ("bob", "Bob", "can we fix it")];
        let known = known.into_iter().map(|(sub, name, password)| {
            let user = User { sub: sub.to_owned(), name: name.to_owned() };
            hash(password).map(|hash| (sub.to_owned(), (user, hash)))
        });
        Ok(Self { known: known.collect::<Result<_, _>>()?, nobody: hash("")?, turns: Semaphore::new(HASHES_AT_ONCE) })
    }

    /// The user, if the password is right. Takes as long for a name that there is not as for one that there is.
    pub(crate) async fn check_password(self: &Arc<Self>, credentials: Credentials) -> Result<User, Refused> {
        let _turn = self.turns.acquire().await.map_err(|_| Refused::NoAnswer)?;
        let users = Arc::clone(self);
        // Away from the threads that serve everybody else.
        let user = tokio::task::spawn_blocking(move || users.with_password(&credentials)).await;
        user.map_err(|_| Refused::NoAnswer)?.ok_or(Refused::WrongPassword)
    }

    fn with_password(&self, credentials: &Credentials) -> Option<User> {
        let hash = self.hash(&credentials.name);
        let right = Argon2::default().verify_password(credentials.password.as_bytes(), hash).is_ok();
        // Whatever was hashed for nobody, it is nobody's password.
        self.known.get(&credentials.name).filter(|_| right).map(|(user, _)| user.clone())
    }

    /// What a password is held against: for a name that there is not, a hash that costs the same.
    fn hash(&self, name: &str) -> &PasswordHash {
        self.known.get(name).map_or(&self.nobody, |(_, hash)| hash)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_opens() {
        let users = Users::new().unwrap();
        let user = |name: &str, password: &str| {
            users.with_password(&Credentials { name: name.to_owned(), password: password.to_owned() })
        };
        assert_eq!(user("alice", "follow the white rabbit").unwrap().name, "Alice");
        for (name, password) in
            [("alice", "can we fix it"), ("alice", ""), ("Alice", "follow the white rabbit"), ("", "")]
        {
            assert!(user(name, password).is_none(), "{name} {password}");
        }
    }

    #[test]
    fn a_name_that_there_is_not_costs_the_same_hash() {
        let users = Users::new().unwrap();
        let cost = |name| {
            let hash = users.hash(name);
            (hash.algorithm, hash.version, hash.params.clone(), hash.salt.map(|salt| salt.len()))
        };
        assert_eq!(cost("mallory"), cost("alice"));
        assert_ne!(users.hash("alice"), users.hash("bob"));
    }
}
