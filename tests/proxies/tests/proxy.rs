//! A proxy of Debian or PyPI, with a block of the page in a file around it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::Connection;
use outside::{Process, command, free_port, is_installed, is_there};

const PAGE: &str = include_str!("../../../docs/how-to/reverse-proxies.md");

/// A program that passes requests on.
pub(crate) struct Kind {
    /// Its section of the page.
    pub(crate) heading: &'static str,
    program: &'static str,
    /// What is in its file around the block of the page, which is at `${BLOCK}`.
    around: &'static str,
    /// With the file at `${FILE}`.
    arguments: &'static [&'static str],
}

pub(crate) const NGINX: Kind = Kind {
    heading: "nginx",
    program: "nginx",
    around: "daemon off;
master_process off;
pid ${DIRECTORY}/pid;
error_log stderr crit;
events {}
http {
    access_log off;
    client_body_temp_path ${DIRECTORY}/body;
    proxy_temp_path ${DIRECTORY}/proxy;
    fastcgi_temp_path ${DIRECTORY}/fastcgi;
    uwsgi_temp_path ${DIRECTORY}/uwsgi;
    scgi_temp_path ${DIRECTORY}/scgi;
    ${BLOCK}
}
",
    arguments: &["-e", "stderr", "-c", "${FILE}"],
};

pub(crate) const KINDS: [Kind; 7] = [
    NGINX,
    Kind {
        heading: "Apache",
        program: "apache2",
        around: "ServerRoot ${DIRECTORY}
ServerName proxy.example.com
PidFile ${DIRECTORY}/pid
ErrorLog ${DIRECTORY}/log
LogLevel crit
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
Listen 127.0.0.1:8080
${BLOCK}
",
        // In one process: children would outlive it.
        arguments: &["-X", "-f", "${FILE}"],
    },
    Kind {
        heading: "HAProxy",
        program: "haproxy",
        around: "defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
${BLOCK}
",
        arguments: &["-db", "-q", "-f", "${FILE}"],
    },
    Kind {
        heading: "Caddy",
        program: "caddy",
        around: "{
    admin off
    auto_https off
    log {
        level ERROR
    }
}
${BLOCK}
",
        arguments: &["run", "--adapter", "caddyfile", "--config", "${FILE}"],
    },
    Kind {
        heading: "h2o",
        program: "h2o",
        around: "${BLOCK}\nerror-log: ${DIRECTORY}/log\n",
        arguments: &["-c", "${FILE}"],
    },
    Kind {
        heading: "Traefik",
        program: "traefik",
        around: "${BLOCK}",
        arguments: &[
            "--entryPoints.public.address=127.0.0.1:8080",
            "--providers.file.filename=${FILE}",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
            "--log.level=ERROR",
        ],
    },
    Kind {
        heading: "Envoy",
        program: "envoy",
        around: "${BLOCK}",
        arguments: &["--disable-hot-restart", "--concurrency", "1", "--log-level", "error", "--config-path", "${FILE}"],
    },
];

/// Where `tests/setup` puts what Debian does not have.
const BROUGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/bin");

/// A proxy that runs.
pub(crate) struct Proxy {
    /// Where clients find it.
    pub(crate) address: SocketAddr,
    directory: PathBuf,
    _process: Process,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Only files of this test are in it.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Kind {
    /// Whether it is installed; says so where it is not.
    pub(crate) fn is_there(&self) -> bool {
        let brought = Path::new(BROUGHT).join(self.program).is_file();
        let installed = brought || is_installed(self.program);
        // Debian has it no more since 13, so that nobody can demand it.
        installed || (self.program != "h2o" && is_there(installed, self.program, "tests/setup proxies"))
    }

    /// What the page says.
    pub(crate) fn block(&self) -> &'static str {
        let (_, section) = PAGE.split_once(&format!("\n## {}\n", self.heading)).expect("the proxy has a section");
        section.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it has a block")
    }

    /// In front of that service.
    pub(crate) fn start(&self, block: &str, service: SocketAddr) -> Proxy {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("proxies-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = directory.join("config.yaml");
        let filled = |text: &str| {
            // By names first: the one port may have the digits of the other in it.
            let text = text.replace("${BLOCK}", block).replace("3000", "${SERVICE}").replace("8080", "${PORT}");
            let text = text.replace("${SERVICE}", &service.port().to_string());
            let text = text.replace("${PORT}", &address.port().to_string());
            text.replace("${DIRECTORY}", &directory.to_string_lossy()).replace("${FILE}", &file.to_string_lossy())
        };
        fs::write(&file, filled(self.around)).unwrap();
        let path = format!("{BROUGHT}:{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut program = command(self.program);
        program.env("PATH", path).env("HOME", &directory).args(self.arguments.iter().map(|argument| filled(argument)));
        let process = Process(program.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        let limit = Instant::now() + Duration::from_secs(20);
        // One of them listens before it has read where to.
        while TcpStream::connect(address).is_err()
            || Connection::open(address).send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404
        {
            assert!(Instant::now() < limit, "{} does not start", self.heading);
            thread::sleep(Duration::from_millis(20));
        }
        Proxy { address, directory, _process: process }
    }
}
