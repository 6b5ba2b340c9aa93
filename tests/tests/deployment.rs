//! The files that put the programs to work: `traefik/`, `compose.yaml`, `Dockerfile`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_tests::binaries::root;
use sluice_tests::yaml;

fn read(path: &str) -> Result<Value> {
    let text = fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?;
    yaml::parse(&text).with_context(|| path.to_owned())
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            item.as_str()
                .map_or_else(|| item.to_string(), str::to_owned)
        })
        .collect()
}

#[test]
fn stream_manager_is_reached_through_the_gateway_only() -> Result<()> {
    let compose = read("compose.yaml")?;
    let manager = &compose["services"]["stream-manager"];
    assert!(
        manager.is_object(),
        "its name is what other services know it by"
    );
    assert!(manager.get("ports").is_none());
    assert_eq!(texts(&manager["expose"]), ["4200", "4201", "4290", "4291"]);
    assert!(compose["services"]["redis"].get("ports").is_none());
    let published = texts(&compose["services"]["gateway"]["ports"]);
    assert_eq!(published.len(), 3);
    assert!(
        published
            .iter()
            .any(|port| port.starts_with("127.0.0.1:") && port.ends_with(":8080"))
    );
    Ok(())
}

#[test]
fn every_container_is_limited_checked_and_on_the_network() -> Result<()> {
    let compose = read("compose.yaml")?;
    let services = compose["services"].as_object().context("services")?;
    for (name, service) in services {
        assert_eq!(texts(&service["networks"]), ["auction_net"], "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(
            limits["cpus"].is_string() && limits["memory"].is_string(),
            "{name}"
        );
    }
    let limits = &compose["services"]["stream-manager"]["deploy"]["resources"]["limits"];
    assert_eq!(
        (&limits["cpus"], &limits["memory"]),
        (&"2".into(), &"2G".into())
    );
    Ok(())
}

#[test]
fn no_password_has_a_default() -> Result<()> {
    let text = fs::read_to_string(root().join("compose.yaml"))?;
    assert!(!text.contains("REDIS_PASSWORD:-"));
    assert!(text.contains("REDIS_PASSWORD:?"));
    Ok(())
}

#[test]
fn mounted_and_copied_files_exist() -> Result<()> {
    let compose = read("compose.yaml")?;
    for volume in texts(&compose["services"]["gateway"]["volumes"]) {
        let source = volume.split(':').next().unwrap_or_default();
        assert!(root().join(source).exists(), "{source}");
    }
    let dockerfile = fs::read_to_string(root().join("Dockerfile"))?;
    let services = compose["services"].as_object().context("services")?;
    for service in services.values() {
        if let Some(target) = service["build"]["target"].as_str() {
            assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}");
        }
    }
    Ok(())
}

/// Options of a router as labels write them: lower case, lists with commas.
fn from_file(router: &Value) -> Result<BTreeMap<String, String>> {
    let router = router.as_object().context("a router")?;
    let options = router.iter().map(|(key, value)| {
        let value = match value {
            Value::Array(_) => texts(value).join(","),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (key.to_ascii_lowercase(), value)
    });
    Ok(options.collect())
}

#[test]
fn labels_and_files_route_alike() -> Result<()> {
    let routers = read("traefik/dynamic/routers.yml")?;
    let routers = routers["http"]["routers"].as_object().context("routers")?;
    let mut expected = BTreeMap::new();
    for (name, router) in routers {
        expected.insert(name.clone(), from_file(router)?);
    }

    let compose = read("compose.yaml")?;
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for label in texts(&compose["services"]["stream-manager"]["labels"]) {
        let (key, value) = label.split_once('=').context("a label without value")?;
        if let Some(key) = key.strip_prefix("traefik.http.routers.") {
            let (router, option) = key.split_once('.').context("a router's option")?;
            found
                .entry(router.to_owned())
                .or_default()
                .insert(option.to_owned(), value.to_owned());
        }
    }
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn every_router_leads_to_a_service_in_both_places() -> Result<()> {
    let routers = read("traefik/dynamic/routers.yml")?;
    let routers = routers["http"]["routers"].as_object().context("routers")?;
    for (place, host) in [("dynamic", "127.0.0.1"), ("compose", "stream-manager")] {
        let services = read(&format!("traefik/{place}/services.yml"))?;
        let services = &services["http"]["services"];
        for (name, router) in routers {
            let service = router["service"].as_str().context("a service")?;
            let url = &services[service]["loadBalancer"]["servers"][0]["url"];
            let port = if service == "stream-ws" { 4201 } else { 4200 };
            assert_eq!(url, &format!("http://{host}:{port}"), "{place}, {name}");
        }
    }
    Ok(())
}

#[test]
fn socket_has_the_highest_priority() -> Result<()> {
    let routers = read("traefik/dynamic/routers.yml")?;
    let routers = routers["http"]["routers"].as_object().context("routers")?;
    let priority = |name: &str| routers[name]["priority"].as_i64().unwrap_or_default();
    assert_eq!(
        (priority("stream-socket"), priority("stream-api")),
        (300, 250)
    );
    let highest = routers
        .values()
        .filter_map(|router| router["priority"].as_i64())
        .max();
    ensure!(highest == Some(300), "{highest:?}");
    Ok(())
}

#[test]
fn local_stack_listens_on_loopback_only() -> Result<()> {
    let install = read("traefik/traefik.yml")?;
    let points = install["entryPoints"].as_object().context("entry points")?;
    for (name, point) in points {
        let address = point["address"].as_str().unwrap_or_default();
        assert!(address.starts_with("127.0.0.1:"), "{name}: {address}");
    }
    Ok(())
}
