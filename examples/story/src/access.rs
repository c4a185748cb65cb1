//! How a service finds out who is asking: by the token itself, or by looking up what it refers to.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::session::{NewSignIn, OpaqueToken, ProviderSession, SignIn};
use jwt_core::store::StoreError;
use jwt_core::{Authenticator, LoginCookies, RemoteKeySet, Revocations, Sessions, TokenSource};

use crate::cache::Memory;
use crate::login;
use crate::user::User;
use crate::world::World;

/// How long a brief session or token lasts.
pub(crate) const BRIEF: Duration = Duration::from_secs(10);

/// What one instance needs to know who is asking.
pub(crate) struct Access {
    /// For both kinds of token: the same extractors and guards behind it, whichever it was.
    pub(crate) authenticator: Authenticator<User>,
    sessions: Sessions,
    brief: Sessions,
}

impl Access {
    /// Opened inside of the runtime of the instance, with which it ends.
    pub(crate) async fn open(audience: &str, world: &Arc<World>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let cache = world.cache.connect().await?;
        // #look-up
        // Sessions: in the memory of this instance or in the shared cache, as the page has it.
        let memory = Arc::new(Memory::new(cache.clone(), world.clone()));
        let revocations = Revocations::builder(cache).open().await?;
        let sessions = Sessions::builder(memory.clone()).per_subject(1000).revocations(&revocations).build()?;
        let brief = Sessions::builder(memory).idle_timeout(BRIEF).absolute_timeout(BRIEF).build()?;
        // #verify
        // JWTs: all that an instance knows of the login service is where its public keys are.
        let keys = RemoteKeySet::jwks(format!("http://127.0.0.1:{}/.well-known/jwks.json", world.login_port))
            .cool_down(Duration::from_millis(200));
        let authenticator = Authenticator::<User>::builder()
            .keys(&keys)
            .issuer(login::ISSUER)
            .audience(audience)
            .typ("at+jwt")
            .revocations(&revocations)
            .sessions(&sessions)
            .source(TokenSource::bearer())
            .source(cookies()?.source())
            .leeway(Duration::ZERO) // one machine, one clock
            .build()?;
        keys.ready().await?;
        Ok(Self { authenticator, sessions, brief })
    }

    /// Starts a session, and yields its number.
    pub(crate) async fn start_session(&self, user: &User, brief: bool) -> Result<(OpaqueToken, SignIn), StoreError> {
        // #session
        let sessions = if brief { &self.brief } else { &self.sessions };
        // It ends when the provider says that its user is out.
        let at_provider = ProviderSession::new(login::ISSUER, &user.sub);
        sessions.start(NewSignIn::new(&user.sub, user)?.provider_session(at_provider)).await
    }

    /// Ends a session, wherever it is kept.
    pub(crate) async fn end_session(&self, token: &str) -> Result<(), StoreError> {
        // #end-session
        self.sessions.end(token).await
    }
}

/// The cookies of a login. On https their names begin with `__Host-`, and they are `Secure`; this is
/// `http://127.0.0.1`, where not every browser would take them.
pub(crate) fn cookies() -> Result<LoginCookies, jwt_core::login::LoginCookiesBuildError> {
    LoginCookies::builder().dangerous_plain_http_on_localhost().build()
}
