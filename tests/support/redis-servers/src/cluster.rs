use crate::server::RedisServer;

/// Three primaries, and a replica of each.
const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;

/// A cluster of one's own. Ends when it is dropped.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts one, whose nodes write every command to disk before they answer.
    pub async fn start() -> Self {
        Self::start_with("yes").await
    }

    /// Starts one whose nodes write nothing to disk.
    pub async fn start_without_disk() -> Self {
        Self::start_with("no").await
    }

    async fn start_with(disk: &str) -> Self {
        // A primary that is silent for as long as that is replaced by its replica: long enough for a busy machine.
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--appendonly", disk];
        let nodes: Vec<_> = (0..2 * PRIMARIES).map(|_| RedisServer::start_with(&options)).collect();
        for (index, node) in nodes.iter().enumerate() {
            node.run(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await;
            if index < PRIMARIES {
                let (first, end) = (index * SLOTS / PRIMARIES, (index + 1) * SLOTS / PRIMARIES);
                node.run(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1)).await;
            }
            if index > 0 {
                node.run(&format!("CLUSTER MEET 127.0.0.1 {} {}", nodes[0].port(), nodes[0].bus_port())).await;
            }
        }
        for node in &nodes {
            // By their own names: those that have only been met have others.
            node.waits_for("CLUSTER NODES", |told| told.lines().count() == nodes.len() && !told.contains("handshake"))
                .await;
        }
        for (primary, replica) in nodes.iter().zip(&nodes[PRIMARIES..]) {
            let id: String = primary.ask("CLUSTER MYID").await.expect("it is a node");
            replica.run(&format!("CLUSTER REPLICATE {id}")).await;
        }
        let cluster = Self { nodes };
        cluster.is_whole().await;
        cluster
    }

    /// Waits until every node has three primaries and their replicas, and every replica has what its primary has.
    pub async fn is_whole(&self) {
        for node in &self.nodes {
            node.waits_for("CLUSTER INFO", |told| told.contains("cluster_state:ok")).await;
            node.waits_for("CLUSTER NODES", |told| {
                let healthy = told.lines().filter(|line| !line.contains("fail") && line.contains(" connected"));
                told.lines().count() == 2 * PRIMARIES
                    && healthy.clone().count() == 2 * PRIMARIES
                    && healthy.filter(|line| line.contains("slave")).count() == PRIMARIES
            })
            .await;
            node.waits_for("INFO replication", |told| {
                told.contains("connected_slaves:1") || told.contains("master_link_status:up")
            })
            .await;
        }
    }

    /// The address of all nodes.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(RedisServer::address).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// The address of one node that is not this one.
    pub fn url_beside(&self, index: usize) -> String {
        format!("redis+cluster://{}", self.nodes[(index + 1) % self.nodes.len()].address())
    }

    /// All nodes: first those that were the primaries when it was started.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// One of them.
    pub fn node(&mut self, index: usize) -> &mut RedisServer {
        &mut self.nodes[index]
    }

    /// Which slot a key is in.
    pub async fn slot(&self, key: &str) -> u16 {
        self.nodes[0].ask(&format!("CLUSTER KEYSLOT {key}")).await.expect("it is a node")
    }

    /// Which node is the primary of a key, by its own account.
    pub async fn primary_of(&self, key: &str) -> usize {
        self.primary_of_other_than(key, self.nodes.len()).await
    }

    /// The same, without asking one of them.
    pub async fn primary_of_other_than(&self, key: &str, silent: usize) -> usize {
        let asked = self.nodes.iter().enumerate().filter(|(index, _)| *index != silent);
        for (index, node) in asked {
            // Any other node answers where the key is.
            let role: Vec<redis::Value> = node.ask("ROLE").await.unwrap_or_default();
            let is_primary = role.first() == Some(&redis::Value::BulkString(b"master".to_vec()));
            if is_primary && node.ask::<redis::Value>(&format!("TYPE {key}")).await.is_ok() {
                return index;
            }
        }
        panic!("nobody has {key}");
    }

    /// Waits until the replicas of a node have all that it has now.
    pub async fn is_replicated(&self, primary: usize) {
        let id: String = self.nodes[primary].ask("CLUSTER MYID").await.expect("it is a node");
        let mut replicas = Vec::new();
        for node in &self.nodes {
            let told: String = node.ask("CLUSTER NODES").await.unwrap_or_default();
            if told.lines().any(|line| line.contains("myself,slave") && line.contains(&id)) {
                replicas.push(node);
            }
        }
        assert!(!replicas.is_empty(), "a primary without a replica");
        self.nodes[primary].is_replicated(&replicas).await;
    }
}
