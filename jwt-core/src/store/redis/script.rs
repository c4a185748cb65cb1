//! A Lua script, called by its digest.

use redis::{Arg, Cmd, cmd};

/// A script is called by its digest. A server that does not know it yet, such as one that has just become the primary,
/// gets it in full: nothing is loaded beforehand, so no node of a cluster has to be there but the one that is asked.
pub(super) struct Script {
    text: &'static str,
    digest: Box<str>,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, digest: redis::Script::new(text).get_hash().into() }
    }

    /// A call, to which the other arguments are added.
    pub(super) fn call(&self, keys: &[String]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&*self.digest).arg(keys.len()).arg(keys);
        call
    }

    /// The same call, for a server that does not know the script.
    pub(super) fn in_full(&self, call: &Cmd) -> Cmd {
        let mut full = cmd("EVAL");
        full.arg(self.text);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                full.arg(bytes);
            }
        }
        full
    }
}
