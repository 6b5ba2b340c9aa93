//! Which node of a cluster has which keys: the slots of the Redis Cluster specification.

use redis::Value;

/// Slots of a cluster.
const COUNT: u16 = 16_384;

/// Ranges of slots, each with the address of the node that has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(Vec<Range>);

#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    address: String,
}

impl Slots {
    /// Reads an answer to `CLUSTER SLOTS`. A node that does not know its own address is where `host` is.
    pub(super) fn read(answer: &Value, host: &str) -> Result<Self, String> {
        let ranges = array(answer).ok_or("CLUSTER SLOTS was not answered with a list")?;
        let ranges = ranges.iter().map(|range| {
            let read = Range::read(range, host);
            read.ok_or_else(|| format!("CLUSTER SLOTS: {range:?} is no range of slots"))
        });
        let ranges: Vec<Range> = ranges.collect::<Result<_, _>>()?;
        match ranges.is_empty() {
            true => Err("no node of the cluster has any slots".to_owned()),
            false => Ok(Self(ranges)),
        }
    }

    /// The address of the node that has this slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&str> {
        let mut ranges = self.0.iter();
        let found = ranges.find(|range| (range.first..=range.last).contains(&slot));
        found.map(|range| range.address.as_str())
    }

    /// The addresses of all nodes that have slots.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|range| range.address.as_str())
    }
}

impl Range {
    fn read(value: &Value, host: &str) -> Option<Self> {
        // Behind the first and the last slot come the node that takes writes, and its replicas.
        let [Value::Int(first), Value::Int(last), main, ..] = array(value)? else {
            return None;
        };
        let [name, Value::Int(port), ..] = array(main)? else {
            return None;
        };
        let name = match name {
            Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
            Value::SimpleString(text) => text,
            Value::Nil => "",
            _ => return None,
        };
        let port = u16::try_from(*port).ok()?;
        let address = match name {
            "" | "?" => format!("{host}:{port}"),
            name if name.contains(':') => format!("[{name}]:{port}"),
            name => format!("{name}:{port}"),
        };
        Some(Self {
            first: u16::try_from(*first).ok()?,
            last: u16::try_from(*last).ok()?,
            address,
        })
    }
}

fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

/// The slot of a key. Of a key with something in braces only that counts.
pub(super) fn slot(key: &[u8]) -> u16 {
    let open = memchr::memchr(b'{', key).and_then(|at| key.get(at + 1..));
    let inner = open.and_then(|rest| rest.get(..memchr::memchr(b'}', rest)?));
    crc16(inner.filter(|tag| !tag.is_empty()).unwrap_or(key)) % COUNT
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
            let carry = sum & 0x8000 != 0;
            sum << 1 ^ if carry { 0x1021 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // The check value of the specification, and what CLUSTER KEYSLOT says.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"somekey"), 11_058);
        assert_eq!(slot(b"foo{hash_tag}"), 2_515);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        for whole in [&b"foo{}{bar}"[..], b"foo{bar", b"foo}bar{"] {
            assert_eq!(slot(whole), crc16(whole) % COUNT);
        }
    }

    fn node(name: &str, port: i64) -> Value {
        let name = Value::BulkString(name.as_bytes().to_vec());
        Value::Array(vec![name, Value::Int(port), Value::Nil])
    }

    #[test]
    fn ranges_belong_to_their_first_node() {
        let range = |first, last, nodes: &[Value]| {
            let slots = [Value::Int(first), Value::Int(last)];
            Value::Array([&slots, nodes].concat())
        };
        let answer = Value::Array(vec![
            range(0, 99, &[node("10.0.0.1", 7000), node("10.0.0.9", 7000)]),
            range(100, 200, &[node("", 7001)]),
            range(201, 300, &[node("::1", 7002)]),
        ]);
        let slots = Slots::read(&answer, "a.test").unwrap();
        assert_eq!(slots.owner(99), Some("10.0.0.1:7000"));
        assert_eq!(slots.owner(100), Some("a.test:7001"));
        assert_eq!(slots.owner(300), Some("[::1]:7002"));
        assert_eq!(slots.owner(301), None);
        assert_eq!(slots.addresses().count(), 3);
        for odd in [
            Value::Okay,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 70_000, &[node("a", 1)])]),
            Value::Array(vec![range(0, 1, &[])]),
            Value::Array(vec![range(0, 1, &[node("a", -1)])]),
        ] {
            assert!(Slots::read(&odd, "a").is_err(), "{odd:?}");
        }
    }
}
