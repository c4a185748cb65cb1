use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A request that the key server got.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, as text.
    pub body: String,
}

impl Request {
    /// The first value of a parameter of its form, as it was sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What the key server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A well-formed answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its header fields, beside the length.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// Says nothing, and keeps the connection.
    Hang,
    /// A good head, and then a byte now and then.
    Drip,
    /// A head that promises more than comes before the connection is closed.
    Cut(Vec<u8>),
    /// Closes the connection.
    Close,
}

impl Reply {
    /// 200 with this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// That status without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

type Behaviour = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A server on loopback that counts its requests and treats them as it is told to.
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Request>>,
}

impl KeyServer {
    /// Listens until the process ends.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { behaviour: Mutex::new(Arc::new(behaviour)), requests: Mutex::default() });
        let theirs = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = theirs.clone();
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Does something else from now on.
    pub fn behave(&self, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(behaviour);
    }

    /// Its address with that path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.requests().len()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let request = read(&stream)?;
        let behaviour = self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        match behaviour(&request) {
            Reply::Answer { status, headers, body } => {
                write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\n").ok()?;
                for (name, value) in headers {
                    write!(stream, "{name}: {value}\r\n").ok()?;
                }
                if status != 304 {
                    write!(stream, "Content-Length: {}\r\n", body.len()).ok()?;
                }
                stream.write_all(b"\r\n").ok()?;
                stream.write_all(&body).ok()
            }
            Reply::Hang => {
                thread::sleep(Duration::from_secs(3600));
                Some(())
            }
            Reply::Drip => {
                stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n").ok()?;
                loop {
                    stream.write_all(b" ").ok()?;
                    thread::sleep(Duration::from_millis(50));
                }
            }
            Reply::Cut(body) => {
                write!(stream, "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", body.len() + 10).ok()?;
                stream.write_all(&body).ok()
            }
            Reply::Close => Some(()),
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let first = lines.next()?;
    let (method, rest) = first.split_once(' ')?;
    let (method, path) = (method.to_owned(), rest.split(' ').next()?.to_owned());
    let mut headers = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Request { method, path, headers, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { body: String::from_utf8(body).ok()?, ..request })
}

impl std::fmt::Debug for KeyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyServer").field("address", &self.address).finish_non_exhaustive()
    }
}
