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
        let user = tokio::task::spawn_blocking(move || users.with_password(&credentials, is_right)).await;
        user.map_err(|_| Refused::NoAnswer)?.ok_or(Refused::WrongPassword)
    }

    fn with_password(
        &self,
        credentials: &Credentials,
        is_right: impl FnOnce(&str, &PasswordHash) -> bool,
    ) -> Option<User> {
        let known = self.known.get(&credentials.name);
        let hash = known.map_or(&self.nobody, |(_, hash)| hash);
        let right = is_right(&credentials.password, hash);
        // Whatever was hashed for nobody, it is nobody's password.
        known.filter(|_| right).map(|(user, _)| user.clone())
    }
}

/// The long part. The comparison at its end takes the same time wherever the hashes differ.
fn is_right(password: &str, hash: &PasswordHash) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials { name: name.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn only_the_right_password_opens() {
        let users = Users::new().unwrap();
        let user = |name, password| users.with_password(&credentials(name, password), is_right);
        assert_eq!(user("alice", "follow the white rabbit").unwrap().name, "Alice");
        for (name, password) in
            [("alice", "can we fix it"), ("alice", ""), ("Alice", "follow the white rabbit"), ("mallory", "")]
        {
            assert!(user(name, password).is_none(), "{name} {password}");
        }
    }

    #[test]
    fn a_name_that_there_is_not_costs_the_same_hash() {
        let users = Users::new().unwrap();
        let cost = |name| {
            let mut cost = None;
            let user = users.with_password(&credentials(name, "any"), |_, hash| {
                cost = Some((hash.algorithm, hash.version, hash.params.clone(), hash.salt.map(|salt| salt.len())));
                true
            });
            (cost.unwrap(), user.map(|user| user.sub))
        };
        let (alice, mallory) = (cost("alice"), cost("mallory"));
        assert_eq!(alice.0, mallory.0);
        assert_eq!((alice.1.as_deref(), mallory.1), (Some("alice"), None));
    }
}
