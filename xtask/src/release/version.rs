//! The versions that may be released: the runtime's, or one that only fixes the SDK.

use anyhow::{Context, Result, ensure};

/// The tag of a version.
pub(super) fn tag(version: &str) -> String {
    format!("v{version}")
}

/// Fails unless the version is the runtime's, or the same with a higher patch number.
pub(super) fn check(version: &str, runtime: &str) -> Result<()> {
    let [major, minor, patch] = numbers(version)?;
    let [runtime_major, runtime_minor, runtime_patch] = numbers(runtime)?;
    ensure!(
        [major, minor] == [runtime_major, runtime_minor] && patch >= runtime_patch,
        "the version is {version}, and the pinned runtime's is {runtime}: \
         write that one, or one with a higher patch, in Cargo.toml, for the workspace and each crate"
    );
    Ok(())
}

fn numbers(version: &str) -> Result<[u64; 3]> {
    let numbers: Option<Vec<u64>> = version.split('.').map(|it| it.parse().ok()).collect();
    numbers
        .and_then(|it| it.try_into().ok())
        .with_context(|| format!("{version} can't be released: it isn't three numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_version_and_patches_above_can_be_released() {
        for version in ["0.163.0", "0.163.1", "0.163.10"] {
            check(version, "0.163.0").unwrap();
        }
        check("0.144.4", "0.144.4").unwrap();
    }

    #[test]
    fn other_versions_cannot() {
        for version in ["0.162.9", "0.164.0", "1.163.0", "0.144.3"] {
            let error = check(version, "0.144.4").unwrap_err().to_string();
            assert!(error.contains("with a higher patch"), "{error}");
        }
        for version in ["0.163", "0.163.0-alpha.1", "0.163.0.1", ""] {
            let error = check(version, "0.163.0").unwrap_err().to_string();
            assert!(error.contains("three numbers"), "{error}");
        }
    }
}
