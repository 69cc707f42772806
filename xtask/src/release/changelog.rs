//! A version's section in CHANGELOG.md.

use anyhow::{Context, Result, ensure};

/// The changelog entry of one version.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) date: &'a str,
    body: &'a str,
}

impl Section<'_> {
    /// The number of changes listed.
    pub(super) fn entries(&self) -> usize {
        self.body.lines().filter(|it| it.starts_with("- ")).count()
    }

    /// Whether any of the changes is breaking.
    pub(super) fn is_breaking(&self) -> bool {
        self.body.lines().any(|it| it.starts_with("- breaking:"))
    }
}

/// The section whose heading is `## VERSION, DATE`. It must have a date and list at least one change.
pub(super) fn section<'a>(changelog: &'a str, version: &str) -> Result<Section<'a>> {
    let sections = changelog.split("\n## ").skip(1);
    let (date, body) = sections
        .filter_map(|it| it.split_once('\n'))
        .find_map(|(heading, body)| {
            let date = heading.strip_prefix(version)?;
            let date = date.strip_prefix(',').or(date.is_empty().then_some(""))?;
            Some((date.trim(), body))
        })
        .with_context(|| {
            format!("CHANGELOG.md says nothing of {version}: add `## {version}, YEAR-MONTH-DAY`, and what changed")
        })?;
    ensure!(
        is_date(date),
        "CHANGELOG.md has no date for {version}: write `## {version}, YEAR-MONTH-DAY` for `## {version}, {date}`"
    );
    let section = Section { date, body };
    ensure!(
        section.entries() > 0,
        "CHANGELOG.md lists no changes under {version}: add them, one a line that starts with `- `"
    );
    Ok(section)
}

/// Whether the text is a date such as 2026-11-26.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let within = |part: &str, digits, most| {
        part.len() == digits && part.parse().is_ok_and(|it: u32| (1..=most).contains(&it))
    };
    within(year, 4, 9999) && within(month, 2, 12) && within(day, 2, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\nWords.\n\n## 0.163.10, 2026-11-27\n\n- breaking: all.\n- fixed: it.\n\n\
                             ## 0.163.1, unreleased\n\n- fixed: this.\n\n## 0.163.0, 2026-11-20\n\nNothing.\n";

    fn failure(version: &str) -> String {
        section(CHANGELOG, version).unwrap_err().to_string()
    }

    #[test]
    fn a_section_with_a_date_is_found() {
        let section = section(CHANGELOG, "0.163.10").unwrap();
        assert_eq!((section.date, section.entries()), ("2026-11-27", 2));
        assert!(section.is_breaking());
    }

    #[test]
    fn an_unreleased_section_says_what_to_write() {
        let error = failure("0.163.1");
        assert!(error.contains("for `## 0.163.1, unreleased`"), "{error}");
    }

    #[test]
    fn a_missing_or_empty_section_fails() {
        for version in ["0.163", "0.163.2", "163.1"] {
            assert!(failure(version).contains("says nothing of"), "{version}");
        }
        assert!(failure("0.163.0").contains("lists no changes"));
    }

    #[test]
    fn dates_are_whole() {
        assert!(is_date("2026-01-31"));
        for text in [
            "",
            "2026",
            "2026-1-31",
            "2026-13-01",
            "26-01-01",
            "2026-01-32",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
