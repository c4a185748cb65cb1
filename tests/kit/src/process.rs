//! The server as a process: `[server] start` and `[server] restart`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::provider::{INTROSPECT, JWKS};
use crate::world::{World, nonce};

/// What was started; it is killed when this is dropped.
#[derive(Default)]
pub(crate) struct Process {
    child: Option<Child>,
}

impl Process {
    /// Starts or restarts the server by the command of the target, and waits until it listens.
    pub(crate) fn restart(&mut self, world: &mut World) -> Result<(), String> {
        self.stop();
        let server = world.target.server.clone();
        let mut address = world.target.place().address;
        if let Some(start) = &server.start {
            if world.target.url.contains(":0/") || world.target.url.ends_with(":0") {
                let port = free_port()?;
                address = SocketAddr::new(address.ip(), port);
                if let Some(place) = &mut world.target.place {
                    place.address = address;
                    place.host =
                        format!("{}:{port}", place.host.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host));
                }
            }
            if let Some(mtls) = &mut world.target.mtls
                && mtls.url.as_ref().is_some_and(|url| url.contains(":0/") || url.ends_with(":0"))
                && let Some(place) = &mut mtls.place
            {
                let port = free_port()?;
                place.address.set_port(port);
                place.host = format!("{}:{port}", place.host.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host));
            }
            // What was killed may take a moment to let go of the port.
            let end = Instant::now() + Duration::from_secs(5);
            while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                if Instant::now() > end {
                    return Err(format!("something else listens on {address}: end it, or leave server.start out"));
                }
                thread::sleep(Duration::from_millis(20));
            }
            let mut command = shell(start, world);
            if let Some(log) = &server.log {
                let path = world.target.directory.join(log);
                let wrong = |error: std::io::Error| format!("server.log: {}: {error}", path.display());
                let file = fs::File::options().create(true).append(true).open(&path).map_err(wrong)?;
                command.stdout(file.try_clone().map_err(wrong)?).stderr(file);
            }
            // The group has everything that the command starts.
            let child = command.process_group(0).spawn().map_err(|error| format!("server.start: {error}"))?;
            self.child = Some(child);
        } else if let Some(restart) = &server.restart {
            let status = shell(restart, world).status().map_err(|error| format!("server.restart: {error}"))?;
            if !status.success() {
                return Err(format!("server.restart ended with {status}"));
            }
        } else {
            return Ok(());
        }
        let end = Instant::now() + Duration::from_secs(server.ready_seconds);
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                return Err(format!("the server ended with {status} before it listened on {address}"));
            }
            if Instant::now() > end {
                return Err(format!("nobody listens on {address} after {} seconds", server.ready_seconds));
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Somebody else may listen there, so that the server has ended.
        if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
            return Err(format!("the server ended with {status}, and something else listens on {address}"));
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = format!("-{}", child.id());
            _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            _ = child.kill();
            _ = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens on. The system gives those above to whoever connects and to whoever asks for any port, so that
/// one of them may be taken before the server listens there. Another kit may run beside this one and look for a port too: each
/// keeps a socket for each port that it gave, which the other cannot have.
fn free_port() -> Result<u16, String> {
    static GIVEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1000 {
        let port = 20_000 + u16::try_from(nonce() % 12_000).unwrap_or(0);
        if let Ok(mark) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 20_000))
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            given.push(mark);
            return Ok(port);
        }
    }
    Err("no port between 20000 and 32000 is free".to_owned())
}

/// A shell that runs the command in the directory of the target, and knows what the server needs.
fn shell(command: &str, world: &World) -> Command {
    let target = &world.target;
    let place = target.place();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null());
    // A relative path that is empty would be none.
    if let Ok(directory) = fs::canonicalize(if target.directory.as_os_str().is_empty() {
        std::path::Path::new(".")
    } else {
        &target.directory
    }) {
        shell.current_dir(directory);
    }
    let issuer = world.issuer();
    shell
        .env("PORT", place.address.port().to_string())
        .env("SETTING", &target.setting)
        .env("ISSUER", &issuer)
        .env("JWKS_URL", format!("{}{JWKS}", world.provider.url()))
        .env("KIT_URL", world.provider.url())
        .env("INTROSPECTION_URL", format!("{}{INTROSPECT}", world.provider.url()))
        .env("AUDIENCE", &target.tokens.audience)
        .env("ALGORITHMS", target.tokens.algorithms.join(","))
        .env("JWKS", world.keys.jwks().to_string())
        .env("PUBLIC_KEY", world.key().pem())
        .env(
            "SECRET",
            if world.algorithm().starts_with("HS") {
                crate::base64url::encode(world.key().bytes())
            } else {
                String::new()
            },
        );
    if let Some(client) = &target.introspection {
        shell.env("CLIENT_ID", &client.client_id).env("CLIENT_SECRET", &client.client_secret);
    }
    // In it are authority.pem, which has signed the certificates of clients, server.pem and server.key.
    if let (Some(place), Some(directory)) =
        (target.mtls.as_ref().and_then(|mtls| mtls.place.as_ref()), world.keys.directory())
    {
        let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        shell.env("TLS_PORT", place.address.port().to_string()).env("TLS_DIRECTORY", directory);
    }
    shell
}
