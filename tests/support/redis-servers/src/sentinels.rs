use std::fs;

use outside::free_port;

use crate::server::{PATIENCE, RedisServer};

/// One primary, two replicas, and three sentinels that watch them. Ends when it is dropped.
#[derive(Debug)]
pub struct RedisSentinels {
    sentinels: Vec<RedisServer>,
    servers: Vec<RedisServer>,
}

impl RedisSentinels {
    /// Starts them. The servers write every command to disk before they answer.
    pub async fn start() -> Self {
        Self::start_with("yes").await
    }

    /// Starts them. The servers write nothing to disk.
    pub async fn start_without_disk() -> Self {
        Self::start_with("no").await
    }

    async fn start_with(disk: &str) -> Self {
        let primary = RedisServer::start_with(&["--appendonly", disk]);
        let of = format!("127.0.0.1 {}", primary.port());
        let replica = || RedisServer::start_with(&["--appendonly", disk, "--replicaof", &of]);
        let servers = vec![primary, replica(), replica()];
        for replica in &servers[1..] {
            replica.waits_for("INFO replication", |told| told.contains("master_link_status:up")).await;
        }
        let sentinels: Vec<_> = (0..3).map(|_| sentinel(servers[0].port())).collect();
        let these = Self { sentinels, servers };
        these.are_ready().await;
        these
    }

    /// Waits until every sentinel knows of the others, and of one primary with two replicas that follow it.
    pub async fn are_ready(&self) {
        for sentinel in &self.sentinels {
            let others = [("num-other-sentinels", "2"), ("num-slaves", "2"), ("flags", "master")];
            told(sentinel, "SENTINEL MASTER main", |told| {
                others.iter().all(|(name, value)| told.chunks(2).any(|pair| pair == [*name, *value]))
            })
            .await;
            told(sentinel, "SENTINEL REPLICAS main", |told| {
                let up = told.chunks(2).filter(|pair| *pair == ["master-link-status", "ok"]);
                up.count() == 2
            })
            .await;
        }
    }

    /// The address of all sentinels, and the name of the primary.
    pub fn url(&self) -> String {
        let sentinels: Vec<_> = self.sentinels.iter().map(RedisServer::address).collect();
        format!("redis+sentinel://{}/main", sentinels.join(","))
    }

    /// One of the sentinels.
    pub fn sentinel(&mut self, index: usize) -> &mut RedisServer {
        &mut self.sentinels[index]
    }

    /// The servers, of which the first was the primary when they were started.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// One of them.
    pub fn server(&mut self, index: usize) -> &mut RedisServer {
        &mut self.servers[index]
    }

    /// Which of the servers the sentinels take for the primary.
    pub async fn primary(&self) -> usize {
        for sentinel in &self.sentinels {
            let answer = sentinel.ask::<(String, u16)>("SENTINEL GET-MASTER-ADDR-BY-NAME main").await;
            let Ok((_, port)) = answer else { continue };
            return self.servers.iter().position(|server| server.port() == port).expect("it is one of ours");
        }
        panic!("no sentinel answers");
    }

    /// Lets the sentinels put a replica in the place of the primary, which goes on as if it knew of nothing.
    pub async fn change_behind_its_back(&self, primary: usize) {
        let primary = &self.servers[primary];
        primary.run("ACL SETUSER default -replicaof -slaveof").await;
        self.sentinels[0].run("SENTINEL FAILOVER main").await;
    }

    /// Lets it know.
    pub async fn tell(&self, primary: usize) {
        self.servers[primary].run("ACL SETUSER default +replicaof +slaveof").await;
    }

    /// Puts a replica in the place of the primary, which is not lost, and tells the sentinels.
    pub async fn change_by_hand(&self, primary: usize) {
        let port = self.servers[(primary + 1) % self.servers.len()].port();
        for sentinel in &self.sentinels {
            sentinel.run("SENTINEL REMOVE main").await;
        }
        for server in &self.servers {
            let own = server.port() == port;
            server.run(&if own { "REPLICAOF NO ONE".into() } else { format!("REPLICAOF 127.0.0.1 {port}") }).await;
        }
        for sentinel in &self.sentinels {
            sentinel.run(&format!("SENTINEL MONITOR main 127.0.0.1 {port} 2")).await;
            sentinel.run("SENTINEL SET main down-after-milliseconds 5000").await;
        }
    }

    /// Waits until the other servers have all that the primary has now.
    pub async fn is_replicated(&self, primary: usize) {
        let others = self.servers.iter().enumerate().filter(|(index, _)| *index != primary);
        let others: Vec<_> = others.map(|(_, server)| server).collect();
        self.servers[primary].is_replicated(&others).await;
    }
}

impl RedisServer {
    /// Starts one sentinel that watches a primary, here both over TLS and with certificates of clients, and gives its port.
    /// `files` as for [`start_with_tls`](RedisServer::start_with_tls).
    pub fn start_sentinel_with_tls(files: [&str; 3], primary: u16) -> (Self, u16) {
        let tls_port = free_port();
        let [certificate, key, authorities] = files;
        let started = Self::start_as(|port, directory| {
            let file = directory.join("sentinel.conf");
            let settings = format!(
                "port {port}\ntls-port {tls_port}\nbind 127.0.0.1\ndir {}\ntls-cert-file {certificate}\n\
                 tls-key-file {key}\ntls-ca-cert-file {authorities}\ntls-replication yes\n\
                 sentinel monitor main 127.0.0.1 {primary} 1\n",
                directory.display()
            );
            fs::write(&file, settings).expect("the directory is ours");
            vec![file.to_str().expect("its name is ours").into(), "--sentinel".into()]
        });
        (started, tls_port)
    }
}

fn sentinel(primary: u16) -> RedisServer {
    RedisServer::start_as(|port, directory| {
        // It writes down there what it finds out.
        let file = directory.join("sentinel.conf");
        // Silent for as long as that is down: long enough for a busy machine.
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds main 5000\nsentinel failover-timeout main 20000\n\
             sentinel parallel-syncs main 2\n",
            directory.display()
        );
        fs::write(&file, settings).expect("the directory is ours");
        vec![file.to_str().expect("its name is ours").into(), "--sentinel".into()]
    })
}

/// Waits until what a sentinel tells holds. Names and values, of several servers one behind the other.
async fn told(sentinel: &RedisServer, command: &str, holds: impl Fn(&[String]) -> bool) {
    let waiting = async {
        loop {
            let told: Vec<String> = match sentinel.ask::<redis::Value>(command).await {
                Ok(value) => flat(value),
                Err(_) => Vec::new(),
            };
            if holds(&told) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never as expected: {command}"));
}

fn flat(value: redis::Value) -> Vec<String> {
    match value {
        redis::Value::Array(values) => values.into_iter().flat_map(flat).collect(),
        redis::Value::Map(pairs) => {
            pairs.into_iter().flat_map(|(name, value)| [flat(name), flat(value)].concat()).collect()
        }
        value => redis::from_redis_value(value).into_iter().collect(),
    }
}
