use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cache::Cache;
use crate::witness::Witness;

/// What is the same for every service of the cluster.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) switches: Switches,
    pub(crate) witness: Witness,
    pub(crate) cache: Cache,
    pub(crate) login_port: u16,
    pub(crate) invoices_port: u16,
}

/// What the page can switch, beside what can be killed.
#[derive(Debug)]
pub(crate) struct Switches {
    instances: AtomicUsize,
    sticky: AtomicBool,
    shared: AtomicBool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { instances: AtomicUsize::new(3), sticky: AtomicBool::new(false), shared: AtomicBool::new(false) }
    }
}

impl Switches {
    /// How many instances get requests: one or three.
    pub(crate) fn instances(&self) -> usize {
        self.instances.load(Ordering::Acquire)
    }

    pub(crate) fn set_instances(&self, instances: usize) {
        self.instances.store(if instances == 1 { 1 } else { 3 }, Ordering::Release);
    }

    /// Whether a client stays with its instance.
    pub(crate) fn sticky(&self) -> bool {
        self.sticky.load(Ordering::Acquire)
    }

    pub(crate) fn set_sticky(&self, sticky: bool) {
        self.sticky.store(sticky, Ordering::Release);
    }

    /// Whether sessions are kept in the shared cache, and not in the memory of each instance.
    pub(crate) fn shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    pub(crate) fn set_shared(&self, shared: bool) {
        self.shared.store(shared, Ordering::Release);
    }
}
