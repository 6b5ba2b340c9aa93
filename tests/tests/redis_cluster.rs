//! `rateLimit` on a Redis Cluster: exact over gateways and nodes, while slots move, and without one of the nodes.

use anyhow::{Context as _, Result, ensure};
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::redis::{self, PASSWORD, Redis};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::Upstream;

const NODES: usize = 3;
const BURST: usize = 10;

/// A site for each of these choices of `onUnavailable`. One node of the cluster is named twice: it tells of the others.
fn sites(port: u16, nodes: &[Redis], choices: &[&str]) -> String {
    let seed = &nodes.first().map_or(0, |node| node.port);
    let routers = choices.iter().map(|name| {
        format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: app, middlewares: [{name}]}}\n"
        )
    });
    let limits = choices.iter().map(|name| {
        format!(
            "    {name}: {{rateLimit: {{average: 1, period: 24h, burst: {BURST}, sourceCriterion: {{requestHeaderName: X-User}}, \
             redis: {{endpoints: ['127.0.0.1:{seed}', 'localhost:{seed}'], password: {PASSWORD}, onUnavailable: {name}}}}}}}\n"
        )
    });
    format!(
        "\
http:
  routers:
{}  middlewares:
{}  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
",
        routers.collect::<String>(),
        limits.collect::<String>(),
    )
}

async fn ask(gateway: &Gateway, site: &str, user: &str) -> Result<u16> {
    let mut client = Client::connect(gateway.web).await?;
    let fields = format!("X-User: {user}\r\n");
    let host = format!("{site}.test");
    Ok(client.ask("GET", &host, "/", &fields).await?.status)
}

async fn statuses(gateway: &Gateway, site: &str, user: &str, count: usize) -> Result<Vec<u16>> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(ask(gateway, site, user).await?);
    }
    Ok(statuses)
}

async fn slot(nodes: &[Redis], site: &str, user: &str) -> Result<usize> {
    let node = nodes.first().context("a node")?;
    let line = format!("CLUSTER KEYSLOT rate:{site}@file:{user}");
    let answer = node.call(&line).await?;
    let number = answer.trim().strip_prefix(':').context("a number")?;
    Ok(number.parse()?)
}

/// A user whose bucket is at that node.
async fn user_of(nodes: &[Redis], site: &str, at: usize) -> Result<String> {
    let (first, last) = redis::part(at, NODES);
    for number in 0..100 {
        let user = format!("user-{number}");
        if (first..=last).contains(&slot(nodes, site, &user).await?) {
            return Ok(user);
        }
    }
    anyhow::bail!("all buckets are elsewhere")
}

#[tokio::test]
async fn a_burst_is_exact_over_gateways_and_nodes() -> Result<()> {
    let (server, nodes) = (
        Upstream::forgetful("ok").await?,
        redis::cluster(NODES).await?,
    );
    let file = sites(server.port, &nodes, &["deny"]);
    let gateways = [Gateway::start(&file).await?, Gateway::start(&file).await?];
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..16 * (BURST + 5) {
        let port = gateways[number % 2].web;
        clients.spawn(async move {
            // Braces decide about the slot in Redis, too.
            let user = (number % 16).to_string() + ["a", "{b}c", "{}d", "e{"][number % 4];
            let mut client = Client::connect(port).await?;
            let fields = format!("X-User: {user}\r\n");
            Ok::<_, anyhow::Error>(client.ask("GET", "deny.test", "/", &fields).await?.status)
        });
    }
    let (mut passed, mut refused) = (0, 0);
    while let Some(status) = clients.join_next().await {
        match status?? {
            200 => passed += 1,
            429 => refused += 1,
            other => anyhow::bail!("{other}"),
        }
    }
    assert_eq!((passed, refused), (16 * BURST, 16 * 5));
    for node in &nodes {
        let keys = node.call("DBSIZE").await?;
        ensure!(keys.trim() != ":0", "a node has no bucket");
    }
    Ok(())
}

#[tokio::test]
async fn buckets_that_move_are_found() -> Result<()> {
    let (server, nodes) = (
        Upstream::forgetful("ok").await?,
        redis::cluster(NODES).await?,
    );
    let gateway = Gateway::start(&sites(server.port, &nodes, &["deny"])).await?;
    // It knows by now who has what.
    assert_eq!(ask(&gateway, "deny", "first").await?, 200);

    let user = user_of(&nodes, "deny", 0).await?;
    let slot = slot(&nodes, "deny", &user).await?;
    let [from, to, _] = nodes.as_slice() else {
        anyhow::bail!("three nodes");
    };
    let (from_id, to_id) = (
        from.call("CLUSTER MYID").await?,
        to.call("CLUSTER MYID").await?,
    );
    let id = |answer: &str| answer.lines().nth(1).unwrap_or_default().to_owned();
    let (from_id, to_id) = (id(&from_id), id(&to_id));
    // While a slot moves, what is not at its old node any more is asked of the new one.
    let line = format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}");
    ensure!(to.call(&line).await?.starts_with("+OK"));
    let line = format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}");
    ensure!(from.call(&line).await?.starts_with("+OK"));
    assert_eq!(statuses(&gateway, "deny", &user, 4).await?, [200; 4]);
    let keys = to.call(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).await?;
    assert_eq!(keys.trim(), ":1");
    // Then it is there for good.
    for node in [to, from] {
        let line = format!("CLUSTER SETSLOT {slot} NODE {to_id}");
        ensure!(node.call(&line).await?.starts_with("+OK"));
    }
    assert_eq!(statuses(&gateway, "deny", &user, 6).await?, [200; 6]);
    assert_eq!(statuses(&gateway, "deny", &user, 3).await?, [429; 3]);
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_away_takes_only_its_buckets_away() -> Result<()> {
    let choices = ["deny", "allow", "local"];
    let (server, mut nodes) = (
        Upstream::forgetful("ok").await?,
        redis::cluster(NODES).await?,
    );
    let mut gateway = Gateway::start(&sites(server.port, &nodes, &choices)).await?;
    let mut lost = Vec::new();
    for site in choices {
        let user = user_of(&nodes, site, NODES - 1).await?;
        assert_eq!(ask(&gateway, site, &user).await?, 200);
        lost.push(user);
    }
    let kept = user_of(&nodes, "deny", 1).await?;
    nodes.last_mut().context("a node")?.kill().await?;

    for (site, user) in choices.iter().zip(&lost) {
        let expected: Vec<u16> = match *site {
            "deny" => vec![500; BURST + 5],
            "allow" => vec![200; BURST + 5],
            _ => [vec![200; BURST], vec![429; 5]].concat(),
        };
        assert_eq!(
            statuses(&gateway, site, user, BURST + 5).await?,
            expected,
            "{site}"
        );
    }
    others_are_as_they_were(&gateway, &nodes, &kept).await?;
    // Said once for each limit, not for each request.
    let said = gateway.process.log();
    assert_eq!(
        said.matches("the Redis of a rateLimit is away").count(),
        choices.len()
    );

    nodes.last_mut().context("a node")?.restart().await?;
    comes_back(&mut gateway, lost.first().context("a user")?).await
}

/// The others' buckets are as they were, also once all nodes know of the loss.
async fn others_are_as_they_were(gateway: &Gateway, nodes: &[Redis], kept: &str) -> Result<()> {
    assert_eq!(statuses(gateway, "deny", kept, 5).await?, [200; 5]);
    poll::until_true("the loss being known", PATIENCE, async || {
        let info = nodes
            .first()
            .context("a node")?
            .call("CLUSTER INFO")
            .await?;
        Ok(info.contains("cluster_slots_fail:5"))
    })
    .await?;
    assert_eq!(statuses(gateway, "deny", kept, 5).await?, [200; 5]);
    assert_eq!(ask(gateway, "deny", kept).await?, 429);
    Ok(())
}

/// The node that was away is there again, with what it had on disk.
async fn comes_back(gateway: &mut Gateway, lost: &str) -> Result<()> {
    poll::until_true("the bucket of the node", PATIENCE, async || {
        Ok(ask(gateway, "deny", lost).await? == 200)
    })
    .await?;
    gateway
        .process
        .says("the Redis of a rateLimit is back")
        .await?;
    // One token was taken before the loss, and it is on disk; one just now.
    let left = BURST - 2;
    assert_eq!(
        statuses(gateway, "deny", lost, left).await?,
        vec![200; left]
    );
    assert_eq!(ask(gateway, "deny", lost).await?, 429);
    Ok(())
}

#[tokio::test]
async fn nobody_waits_for_a_cluster_that_is_not_there() -> Result<()> {
    let (server, mut nodes) = (
        Upstream::forgetful("ok").await?,
        redis::cluster(NODES).await?,
    );
    for node in &mut nodes {
        node.kill().await?;
    }
    let mut gateway = Gateway::start(&sites(server.port, &nodes, &["deny"])).await?;
    assert_eq!(statuses(&gateway, "deny", "a", 20).await?, [500; 20]);
    for node in &mut nodes {
        node.restart().await?;
    }
    poll::until_true("the cluster", PATIENCE, async || {
        Ok(ask(&gateway, "deny", "a").await? == 200)
    })
    .await?;
    gateway
        .process
        .says("the Redis of a rateLimit is back")
        .await
}
