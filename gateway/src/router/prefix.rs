//! A radix tree over byte strings: finds all stored prefixes of a path, and the path itself, in one walk along it.

/// Lists of positions, each under a prefix or a whole path.
#[derive(Debug, Clone, Default)]
pub(super) struct PrefixTree {
    root: Node,
}

/// A node stands for the labels on the way to it, its own included.
#[derive(Debug, Clone, Default)]
struct Node {
    label: Box<[u8]>,
    /// Stored under the path that ends here.
    exact: Vec<u32>,
    /// Stored under the prefix that ends here.
    prefixed: Vec<u32>,
    /// The first byte of each child's label, apart from the children so that a search stays in one cache line.
    firsts: Vec<u8>,
    children: Vec<Node>,
}

impl PrefixTree {
    /// Adds `position` under the path `path`. Positions have to come in ascending order.
    pub(super) fn insert_exact(&mut self, path: &[u8], position: u32) {
        self.node(path).exact.push(position);
    }

    /// Adds `position` under the prefix `prefix`. Positions have to come in ascending order.
    pub(super) fn insert_prefix(&mut self, prefix: &[u8], position: u32) {
        self.node(prefix).prefixed.push(position);
    }

    /// The node at the end of `key`, made where there is none.
    fn node(&mut self, key: &[u8]) -> &mut Node {
        let mut node = &mut self.root;
        let mut rest = key;
        while let Some(first) = rest.first() {
            let at = memchr::memchr(*first, &node.firsts).unwrap_or_else(|| {
                node.firsts.push(*first);
                node.children.push(Node {
                    label: rest.into(),
                    ..Node::default()
                });
                node.children.len() - 1
            });
            // Just found or just filled.
            let child = &mut node.children[at];
            let shared = child
                .label
                .iter()
                .zip(rest)
                .take_while(|(a, b)| a == b)
                .count();
            if shared < child.label.len() {
                child.split(shared);
            }
            rest = rest.get(shared..).unwrap_or_default();
            node = child;
        }
        node
    }

    /// Calls `each` with the positions of every stored prefix of `path`, the shortest first, and those of `path` itself.
    pub(super) fn visit<'s>(&'s self, path: &[u8], each: &mut impl FnMut(&'s [u32])) {
        let mut node = &self.root;
        let mut rest = path;
        loop {
            if !node.prefixed.is_empty() {
                each(&node.prefixed);
            }
            let Some(first) = rest.first() else { break };
            let Some(at) = memchr::memchr(*first, &node.firsts) else {
                return;
            };
            let Some(child) = node.children.get(at) else {
                return;
            };
            let Some(after) = rest.strip_prefix(&*child.label) else {
                return;
            };
            rest = after;
            node = child;
        }
        if !node.exact.is_empty() {
            each(&node.exact);
        }
    }
}

impl Node {
    /// Makes this node end after `length` bytes of its label, and puts what it was below.
    fn split(&mut self, length: usize) {
        let (head, tail) = self.label.split_at(length);
        let first = tail.first().copied();
        let (head, tail) = (head.into(), tail.into());
        let upper = Self {
            label: head,
            ..Self::default()
        };
        let lower = std::mem::replace(self, upper);
        self.firsts.extend(first);
        self.children.push(Self {
            label: tail,
            ..lower
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tree: &PrefixTree, path: &str) -> Vec<u32> {
        let mut out = Vec::new();
        tree.visit(path.as_bytes(), &mut |list| out.extend_from_slice(list));
        out
    }

    #[test]
    fn every_prefix_is_found() {
        let mut tree = PrefixTree::default();
        for (position, prefix) in (0u32..).zip(["/", "/api", "/api/v1", "/apple", "", "/api", "/b"])
        {
            tree.insert_prefix(prefix.as_bytes(), position);
        }
        tree.insert_exact(b"/api", 7);
        tree.insert_exact(b"/app", 8);
        assert_eq!(found(&tree, "/api"), [4, 0, 1, 5, 7]);
        assert_eq!(found(&tree, "/app"), [4, 0, 8]);
        assert_eq!(found(&tree, "/api/v1/x"), [4, 0, 1, 5, 2]);
        assert_eq!(found(&tree, "/apples"), [4, 0, 3]);
        assert_eq!(found(&tree, "/ap"), [4, 0]);
        assert_eq!(found(&tree, "/b"), [4, 0, 6]);
        assert_eq!(found(&tree, "x"), [4]);
    }
}
