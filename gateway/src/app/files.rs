//! Notices when a file changes that the routing configuration names, such as a renewed certificate.
//!
//! By asking the file system now and then: that also sees symbolic links that are moved, as Kubernetes and certbot do,
//! and files on network volumes, which tell nobody of their changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often they are looked at.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// What tells one state of a file from another; `None` is a file that cannot be seen.
type Stamp = Option<(SystemTime, u64, u64)>;

/// The files that are followed, as they were when last looked at.
#[derive(Default)]
pub(super) struct Files(BTreeMap<PathBuf, Stamp>);

impl Files {
    /// Follows these from now on, and no others.
    pub(super) fn follow(&mut self, paths: BTreeSet<PathBuf>) {
        let mut before = std::mem::take(&mut self.0);
        for path in paths {
            let stamp = before.remove(&path).unwrap_or_else(|| stamp(&path));
            self.0.insert(path, stamp);
        }
    }

    /// Those that changed since they were last looked at.
    pub(super) fn changed(&mut self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        for (path, known) in &mut self.0 {
            let now = stamp(path);
            if now != *known {
                *known = now;
                changed.insert(path.clone());
            }
        }
        changed
    }
}

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    let inode = std::os::unix::fs::MetadataExt::ino(&about);
    Some((about.modified().ok()?, about.len(), inode))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moved_links_and_new_files_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "a").unwrap();
        std::fs::write(path("b"), "b").unwrap();
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let mut files = Files::default();
        files.follow([path("link"), path("later")].into());
        assert!(files.changed().is_empty());
        std::os::unix::fs::symlink("b", path("new")).unwrap();
        std::fs::rename(path("new"), path("link")).unwrap();
        std::fs::write(path("later"), "c").unwrap();
        assert_eq!(files.changed(), [path("link"), path("later")].into());
        assert!(files.changed().is_empty());
        files.follow([path("a")].into());
        std::fs::remove_file(path("later")).unwrap();
        assert!(files.changed().is_empty(), "nobody follows it any more");
    }
}
