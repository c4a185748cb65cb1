//! `target.toml`: where the server is, and what it was configured to expect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::groups;
use crate::keys::ALGORITHMS;

/// One server with one configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// How reports call it.
    #[serde(default = "default_name")]
    pub(crate) name: String,
    /// What is judged, in which versions, for reports.
    pub(crate) versions: Option<String>,
    /// A protected address that answers a GET with a good token by a 2xx.
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) server: Server,
    #[serde(default)]
    pub(crate) keys: KeysTable,
    pub(crate) tokens: Tokens,
    #[serde(default)]
    pub(crate) groups: Groups,
    /// The token may come in a cookie.
    pub(crate) cookie: Option<Cookie>,
    /// An address that asks for a scope.
    pub(crate) scope: Option<Scope>,
    /// RFC 9728.
    pub(crate) metadata: Option<Metadata>,
    /// RFC 9470.
    pub(crate) step_up: Option<StepUp>,
    /// RFC 9449.
    pub(crate) dpop: Option<Dpop>,
    /// RFC 7662.
    pub(crate) introspection: Option<Introspection>,
    /// An address that a reverse proxy asks.
    pub(crate) forward_auth: Option<ForwardAuth>,
    /// A server of the Model Context Protocol.
    pub(crate) mcp: Option<Mcp>,
    /// A service of gRPC at the port of `url`.
    pub(crate) grpc: Option<Grpc>,
    /// RFC 8705.
    pub(crate) mtls: Option<Mtls>,
    /// Where the file is. Relative paths in it begin there.
    #[serde(skip)]
    pub(crate) directory: PathBuf,
    /// The setting of this configuration.
    #[serde(skip, default = "default_setting")]
    pub(crate) setting: String,
    /// The address behind `url`, and its path.
    #[serde(skip)]
    pub(crate) place: Option<Place>,
}

fn default_name() -> String {
    "server".to_owned()
}

fn default_setting() -> String {
    "default".to_owned()
}

#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// Host and port, as in `Host`.
    pub(crate) host: String,
    pub(crate) path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// A command that serves until it is killed.
    pub(crate) start: Option<String>,
    /// A command that restarts a server that runs elsewhere, and returns.
    pub(crate) restart: Option<String>,
    /// Where the output of the command goes; left out: what it says of errors is shown, the rest is dropped.
    pub(crate) log: Option<PathBuf>,
    /// How long it may take until it listens, in seconds.
    #[serde(default = "default_ready")]
    pub(crate) ready_seconds: u64,
}

fn default_ready() -> u64 {
    30
}

/// How the server gets the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Delivery {
    /// It fetches them from the kit.
    #[default]
    Fetched,
    /// It was given the JWK Set or the PEM that `keys` printed.
    Static,
    /// It was given the secret that `keys` printed: HS256 and its like.
    Secret,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeysTable {
    /// Where the kit serves its metadata and its keys.
    pub(crate) listen: SocketAddr,
    /// Where the key pairs are kept.
    pub(crate) file: PathBuf,
    pub(crate) delivery: Delivery,
}

impl Default for KeysTable {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            file: PathBuf::from("kit-keys.json"),
            delivery: Delivery::Fetched,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    /// Left out: the address of the kit.
    pub(crate) issuer: Option<String>,
    pub(crate) audience: String,
    pub(crate) algorithms: Vec<String>,
    /// What the server adds to `exp`, in seconds.
    #[serde(default)]
    pub(crate) leeway: i64,
    /// The `typ` that the server insists on.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Claims that the server insists on.
    #[serde(default = "default_required")]
    pub(crate) required: Vec<String>,
    /// More claims of every good token.
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, serde_json::Value>,
    /// The server follows RFC 9068.
    #[serde(default)]
    pub(crate) rfc9068: bool,
}

fn default_required() -> Vec<String> {
    vec!["exp".to_owned()]
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Groups {
    /// Only these.
    pub(crate) only: Option<BTreeSet<String>>,
    /// All but these.
    pub(crate) skip: BTreeSet<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    /// The server takes no token from the header then.
    #[serde(default)]
    pub(crate) only: bool,
    /// A method that changes something at `url`; the cases about cross-site requests need it.
    pub(crate) unsafe_method: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    pub(crate) path: String,
    pub(crate) scope: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// The identifier of the resource; left out: `url`.
    pub(crate) resource: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepUp {
    pub(crate) path: String,
    pub(crate) acr: Option<String>,
    pub(crate) max_age: Option<i64>,
}

/// The server takes tokens that are bound by DPoP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dpop {
    /// It takes no other tokens.
    pub(crate) only: bool,
    /// It demands its nonce in each proof.
    pub(crate) nonce: bool,
    /// How old it lets a proof be, in seconds.
    pub(crate) max_age: i64,
    /// What proofs are signed with.
    pub(crate) algorithm: String,
    /// Scheme, host and port that it compares `htu` with; left out: those of `url`.
    pub(crate) origin: Option<String>,
}

impl Default for Dpop {
    fn default() -> Self {
        Self { only: false, nonce: false, max_age: 300, algorithm: "ES256".to_owned(), origin: None }
    }
}

/// The server asks the kit about tokens that are no JWTs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Introspection {
    /// It takes no JWTs.
    pub(crate) only: bool,
    /// As whom it asks.
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl Default for Introspection {
    fn default() -> Self {
        Self { only: false, client_id: "kit-api".to_owned(), client_secret: "kit-secret-of-the-api".to_owned() }
    }
}

/// An address that a reverse proxy asks whether to let a request in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForwardAuth {
    pub(crate) path: String,
    /// The field of its answer that says who the user is: `sub`.
    pub(crate) subject: Option<String>,
}

/// A server of the Model Context Protocol over HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mcp {
    /// It has no other protected address: `url` is where it is, and every case sends a first message there.
    #[serde(default)]
    pub(crate) only: bool,
    /// Left out: the path of `url`.
    #[serde(default)]
    pub(crate) path: String,
    /// Its identifier, and the audience of its tokens; left out: `tokens.audience` with `only`,
    /// and otherwise scheme and host of `url`, and `path`.
    pub(crate) resource: Option<String>,
}

impl Mcp {
    /// The identifier, where it is not the address.
    pub(crate) fn resource(&self, tokens: &Tokens) -> Option<String> {
        self.resource.clone().or_else(|| self.only.then(|| tokens.audience.clone()))
    }
}

/// A service of gRPC, without TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grpc {
    /// `/package.Service/Method`: one message in, one out. The kit sends an empty message.
    pub(crate) method: String,
    /// The same, for a method that asks for the scope of `[scope]`.
    pub(crate) scope_method: Option<String>,
}

/// The server takes tokens that are bound to certificates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mtls {
    /// It takes no other tokens.
    pub(crate) only: bool,
    /// The field in which its proxy says the certificate.
    pub(crate) field: Option<String>,
    pub(crate) form: Form,
    /// An address of the same server that ends TLS itself and asks for certificates.
    pub(crate) url: Option<String>,
    /// Who has signed the certificate of that address, in PEM; left out: the kit.
    pub(crate) ca: Option<PathBuf>,
    /// The address behind `url`.
    #[serde(skip)]
    pub(crate) place: Option<Place>,
}

/// How a field says a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// PEM, percent-encoded, as nginx writes it.
    #[default]
    Pem,
    /// `:BASE64:`, RFC 9440.
    Rfc9440,
}

impl Target {
    /// The configurations in that file: the one at its top, and one for each table below `settings`.
    pub(crate) fn read(file: &Path) -> Result<Vec<Self>, String> {
        let text = fs::read_to_string(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("{}: no such file; `jwt-conformance init` writes one", file.display())
            }
            _ => format!("{}: {error}", file.display()),
        })?;
        let directory = file.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, &directory).map_err(|why| format!("{}: {why}", file.display()))
    }

    pub(crate) fn parse(text: &str, directory: &Path) -> Result<Vec<Self>, String> {
        let mut all: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let settings = match all.remove("settings") {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table,
            Some(_) => return Err("settings: a table for each setting, such as [settings.cookie]".to_owned()),
        };
        // Where there is nothing but this table, the error names the line.
        let first = if settings.is_empty() {
            toml::from_str(text).map_err(|error| error.to_string())?
        } else {
            all.clone().try_into().map_err(|error: toml::de::Error| error.to_string())?
        };
        let mut targets: Vec<Self> = vec![first];
        for (name, change) in settings {
            let toml::Value::Table(change) = change else {
                return Err(format!("settings.{name}: a table"));
            };
            let mut table = all.clone();
            overlay(&mut table, change);
            let mut target: Self =
                table.try_into().map_err(|error: toml::de::Error| format!("settings.{name}: {error}"))?;
            target.setting = name;
            targets.push(target);
        }
        for target in &mut targets {
            directory.clone_into(&mut target.directory);
            target.check()?;
        }
        Ok(targets)
    }

    fn check(&mut self) -> Result<(), String> {
        let rest = self.url.strip_prefix("http://").ok_or_else(|| {
            format!("url: {:?} does not begin with http://; the kit speaks plain HTTP, behind the end of TLS", self.url)
        })?;
        let place = place(rest, 80).map_err(|why| format!("url: {why}"))?;
        let address = place.address;
        if address.port() == 0 && self.server.start.is_none() {
            return Err("url: port 0 means any free port, which only [server] start can be told (PORT)".to_owned());
        }
        self.place = Some(place);
        self.check_mtls()?;
        self.check_grpc()?;
        if self.tokens.algorithms.is_empty() {
            return Err("tokens.algorithms: name at least one, such as [\"RS256\"]".to_owned());
        }
        for name in &self.tokens.algorithms {
            if !ALGORITHMS.contains(&&**name) {
                return Err(format!("tokens.algorithms: {name:?} is none of {}", ALGORITHMS.join(", ")));
            }
            let is_secret = name.starts_with("HS");
            if is_secret != (self.keys.delivery == Delivery::Secret) {
                return Err(format!(
                    "tokens.algorithms: {name} and keys.delivery do not fit: HS256, HS384 and HS512 go with \"secret\", all others \
                     with \"fetched\" or \"static\""
                ));
            }
        }
        if self.server.start.is_some() && self.server.restart.is_some() {
            return Err("server: start or restart, not both".to_owned());
        }
        let known = groups::NAMES;
        for name in self.groups.only.iter().flatten().chain(&self.groups.skip) {
            if !known.iter().any(|(known, _)| known == name) {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                return Err(format!("groups: {name:?} is none of {}", names.join(", ")));
            }
        }
        if let Some(dpop) = &self.dpop
            && (dpop.algorithm.starts_with("HS") || !ALGORITHMS.contains(&&*dpop.algorithm))
        {
            return Err(format!("dpop.algorithm: {:?} is no algorithm with a key pair, such as ES256", dpop.algorithm));
        }
        if self.dpop.as_ref().is_some_and(|dpop| dpop.only) && self.cookie.as_ref().is_some_and(|cookie| cookie.only) {
            return Err("dpop.only and cookie.only: a token is shown in one of two ways".to_owned());
        }
        if self.cookie.as_ref().is_some_and(|cookie| cookie.name.is_empty()) {
            return Err("cookie.name: empty".to_owned());
        }
        self.check_mcp()
    }

    fn check_mcp(&mut self) -> Result<(), String> {
        let place = self.place().path.clone();
        let Some(mcp) = &mut self.mcp else {
            return Ok(());
        };
        if mcp.path.is_empty() {
            place.split('?').next().unwrap_or("/").clone_into(&mut mcp.path);
        }
        if mcp.only && mcp.path != place {
            return Err(format!("mcp.only: url is at {place:?}, and mcp.path is {:?}: they are the same", mcp.path));
        }
        if mcp.only && (self.dpop.is_some() || self.cookie.is_some()) {
            return Err(
                "mcp.only: its tokens are bearer tokens in the header; leave [dpop] and [cookie] out".to_owned()
            );
        }
        Ok(())
    }

    fn check_grpc(&self) -> Result<(), String> {
        let Some(grpc) = &self.grpc else {
            return Ok(());
        };
        for method in [Some(&grpc.method), grpc.scope_method.as_ref()].into_iter().flatten() {
            if !method.starts_with('/') || method.matches('/').count() != 2 {
                return Err(format!("grpc: {method:?} is not of the form /package.Service/Method"));
            }
        }
        if grpc.scope_method.is_some() && self.scope.is_none() {
            return Err("grpc.scope_method: say in [scope] which scope it asks for".to_owned());
        }
        Ok(())
    }

    fn check_mtls(&mut self) -> Result<(), String> {
        let Some(mtls) = &mut self.mtls else {
            return Ok(());
        };
        let Some(url) = &mtls.url else {
            let why =
                "mtls: set field, where a proxy says the certificate, or url, an https address of the same server";
            return mtls.field.as_ref().map(|_| ()).ok_or_else(|| why.to_owned());
        };
        if mtls.field.is_some() {
            return Err("mtls: field or url, not both; use [settings.NAME] for the other".to_owned());
        }
        let rest = url.strip_prefix("https://");
        let rest = rest.ok_or_else(|| format!("mtls.url: {url:?} does not begin with https://"))?;
        let place = place(rest, 443).map_err(|why| format!("mtls.url: {why}"))?;
        if place.address.port() == 0 && self.server.start.is_none() {
            return Err(
                "mtls.url: port 0 means any free port, which only [server] start can be told (TLS_PORT)".to_owned()
            );
        }
        mtls.place = Some(place);
        Ok(())
    }

    /// The algorithms, as the kit writes them.
    pub(crate) fn algorithms(&self) -> Vec<&'static str> {
        let all = self.tokens.algorithms.iter();
        all.filter_map(|name| ALGORITHMS.iter().find(|known| *known == name).copied()).collect()
    }

    pub(crate) fn place(&self) -> &Place {
        self.place.as_ref().expect("a checked target has one")
    }

    pub(crate) fn has(&self, algorithm: &str) -> bool {
        self.tokens.algorithms.iter().any(|name| name == algorithm)
    }

    /// Whether the kit can start or restart the server.
    pub(crate) fn can_restart(&self) -> bool {
        self.server.start.is_some() || self.server.restart.is_some()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.join(&self.keys.file)
    }
}

/// Host, port and path behind a scheme.
fn place(rest: &str, default_port: u16) -> Result<Place, String> {
    let (host, path) = rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
    let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:{default_port}")
    };
    let all: Vec<SocketAddr> = with_port.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let address = all.iter().find(|one| one.is_ipv4()).or(all.first()).copied();
    let address = address.ok_or_else(|| format!("the host {host:?} is not known"))?;
    Ok(Place { address, host: host.to_owned(), path: path.to_owned() })
}

fn overlay(table: &mut toml::Table, change: toml::Table) {
    for (name, value) in change {
        match (table.get_mut(&name), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => overlay(old, new),
            (_, value) => _ = table.insert(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "url = \"http://127.0.0.1:3000/a\"\n[tokens]\naudience = \"api\"\nalgorithms = [\"RS256\"]\n";

    fn error(text: &str) -> String {
        Target::parse(text, Path::new("")).expect_err("it is wrong")
    }

    #[test]
    fn a_setting_changes_what_it_names_and_nothing_else() {
        let text = format!("{SMALL}[settings.cookie]\ncookie = {{ name = \"sid\" }}\ntokens = {{ leeway = 5 }}\n");
        let targets = Target::parse(&text, Path::new("")).unwrap();
        assert_eq!(targets.len(), 2);
        assert!(targets[0].cookie.is_none() && targets[0].setting == "default");
        assert!(targets[1].cookie.is_some() && targets[1].setting == "cookie");
        assert_eq!((targets[1].tokens.leeway, &*targets[1].tokens.audience), (5, "api"));
    }

    #[test]
    fn an_error_names_the_value_and_the_way_out() {
        assert!(error(&SMALL.replace("http:", "https:")).contains("plain HTTP"));
        assert!(error(&SMALL.replace("RS256", "RS1")).contains("\"RS1\" is none of RS256"));
        assert!(error(&SMALL.replace("RS256", "HS256")).contains("delivery"));
        assert!(error(&SMALL.replace(":3000", ":0")).contains("free port"));
        assert!(error(&SMALL.replace("audience", "audiance")).contains("audiance"));
        assert!(error(&format!("{SMALL}[groups]\nskip = [\"jwx\"]\n")).contains("\"jwx\" is none of bearer"));
        assert!(error(&format!("{SMALL}[mcp]\nonly = true\npath = \"/mcp\"\n")).contains("url is at \"/a\""));
        assert!(error(&format!("{SMALL}[mcp]\nonly = true\n[dpop]\n")).contains("leave [dpop]"));
    }
}
