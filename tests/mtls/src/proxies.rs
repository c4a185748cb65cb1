//! Proxies in front of a server: real ones, with the lines of docs/how-to/mutual-tls.md.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jwt_core::binding::TrustedProxies;
use outside::{Process, command, is_installed, is_there};

use crate::{Answer, Authority, client};

/// A program that ends TLS.
#[derive(Debug, Clone, Copy)]
pub struct ProxyKind {
    /// What it is called.
    pub name: &'static str,
    /// What a service behind it has to be told.
    pub trusted: fn() -> TrustedProxies,
    /// The field that it says the certificate in.
    pub field: &'static str,
    config: &'static str,
    arguments: &'static [&'static str],
}

/// With a field of its own.
pub const NGINX: ProxyKind = ProxyKind {
    name: "nginx",
    trusted: || TrustedProxies::at(["127.0.0.1"]).client_cert_pem("X-SSL-Client-Cert").x_forwarded_proto(),
    field: "x-ssl-client-cert",
    config: include_str!("nginx.conf"),
    arguments: &["-e", "stderr", "-c"],
};

/// With the field of RFC 9440.
pub const HAPROXY: ProxyKind = ProxyKind {
    name: "haproxy",
    trusted: || TrustedProxies::at(["127.0.0.1/32"]).client_cert().forwarded(),
    field: "client-cert",
    config: include_str!("haproxy.cfg"),
    arguments: &["-db", "-q", "-f"],
};

/// A proxy that runs.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients find it.
    pub address: SocketAddr,
    service: SocketAddr,
    directory: PathBuf,
    _process: Process,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Only files of this test are in it; what is left is cleared with the other temporary files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl ProxyKind {
    /// Whether it is installed; says so where it is not.
    pub fn is_there(&self) -> bool {
        is_there(is_installed(self.name), self.name, "tests/setup mtls")
    }

    /// In front of that service.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(&self, service: SocketAddr) -> Proxy {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("mtls-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("there is a place for temporary files");
        let authority = Authority::trusted();
        authority.server().write(&directory).expect("it can be written");
        fs::write(directory.join("clients.pem"), authority.pem()).expect("it can be written");
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let config = self
            .config
            .replace("${DIRECTORY}", &directory.to_string_lossy())
            .replace("${PROXY}", &address.port().to_string())
            .replace("${SERVICE}", &service.port().to_string());
        let process = self.run(&directory, &config);
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < limit, "{} does not start", self.name);
            thread::sleep(Duration::from_millis(20));
        }
        Proxy { address, service, directory, _process: process }
    }

    fn run(&self, directory: &Path, config: &str) -> Process {
        let file = directory.join("config");
        fs::write(&file, config).expect("it can be written");
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut program = command(self.name);
        program.env("PATH", path).args(self.arguments).arg(&file).stdin(Stdio::null());
        Process(program.spawn().expect("it is installed"))
    }
}

impl Proxy {
    /// What the service behind says to a client that goes round the proxy, from another address than that.
    pub async fn bypassed(&self, requests: &[&[(&str, &str)]]) -> Option<Vec<Answer>> {
        client::get_plain([127, 0, 0, 2], self.service, requests).await
    }
}
