//! A report of a bump for people.

use std::fmt;
use std::fmt::Write as _;

use semver::{Comparator, Op, Version};

use super::difference::{Difference, What, between};
use crate::model::Model;

/// The differences between two versions.
pub struct Report {
    from: String,
    to: String,
    counts: [(&'static str, usize, usize); 4],
    differences: Vec<Difference>,
}

/// The maximum length of a list in a changelog.
const MOST_NAMES: usize = 12;

impl Report {
    /// Compares two models, each with its version.
    pub fn of(old: (&str, &Model), new: (&str, &Model)) -> Self {
        let count = |of: fn(&Model) -> usize| (of(old.1), of(new.1));
        let named = |name, (before, now)| (name, before, now);
        Self {
            from: old.0.to_owned(),
            to: new.0.to_owned(),
            counts: [
                named("methods", count(|it| it.client_requests.len())),
                named("notifications", count(|it| it.server_notifications.len())),
                named("server requests", count(sent_today)),
                named("types", count(|it| it.definitions.len())),
            ],
            differences: between(old.1, new.1),
        }
    }

    fn of_kind(&self, what: What) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |it| it.what == what)
    }

    fn kinds(&self) -> Vec<What> {
        let mut kinds: Vec<_> = self.differences.iter().map(|it| it.what).collect();
        kinds.dedup();
        kinds
    }

    /// What the bump means for programs that depend on the types.
    fn verdict(&self) -> String {
        let breaks =
            |test: fn(What) -> bool| self.differences.iter().filter(|it| test(it.what)).count();
        let (rust, wire) = (breaks(What::breaks_rust), breaks(What::breaks_wire));
        if rust == 0 && wire == 0 {
            return "compatible: nothing that a program uses has changed.".to_owned();
        }
        let allowed = if allows_breaking(&self.from, &self.to) {
            format!("{} may break programs", self.to)
        } else {
            format!(
                "{} may not break programs: raise the minor version",
                self.to
            )
        };
        format!(
            "breaking, and {allowed}. {rust} changes may stop programs from compiling, {wire} change what is on the wire."
        )
    }

    /// A draft section for CHANGELOG.md.
    pub fn changelog(&self, package: &str) -> String {
        let mut text = format!(
            "## {}, unreleased\n\nRuntime: `{package}` {}, after {}.\n\n",
            self.to, self.to, self.from
        );
        text.push_str(&wrapped(&format!("Semver: {}", self.verdict()), ""));
        text.push('\n');
        for what in self.kinds() {
            let names: Vec<_> = self
                .of_kind(what)
                .map(|it| format!("`{}`", it.subject))
                .collect();
            let word = match what {
                _ if what.breaks_rust() => "breaking",
                What::ServerRequestLost => "changed",
                _ => "added",
            };
            let shown = names[..names.len().min(MOST_NAMES)].join(", ");
            let more = match names.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let heading = what.heading().to_lowercase();
            let line = format!("- {word}: {heading} ({}): {shown}{more}.", names.len());
            text.push_str(&wrapped(&line, "  "));
        }
        text
    }
}

/// The number of requests that the runtime still sends.
fn sent_today(model: &Model) -> usize {
    let requests = model.server_requests.iter();
    requests.filter(|it| it.retired.is_none()).count()
}

/// Wraps a line at 115 characters, and indents the lines that follow.
fn wrapped(line: &str, indent: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        if width > 0 && width + 1 + word.chars().count() > 115 {
            text.push('\n');
            text.push_str(indent);
            width = indent.len();
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += word.chars().count();
    }
    text + "\n"
}

/// Whether semver allows the newer version to break what the older one promises.
fn allows_breaking(from: &str, to: &str) -> bool {
    let (Ok(from), Ok(to)) = (Version::parse(from), Version::parse(to)) else {
        return false;
    };
    let compatible = Comparator {
        op: Op::Caret,
        major: from.major,
        minor: Some(from.minor),
        patch: Some(from.patch),
        pre: from.pre.clone(),
    };
    to > from && !compatible.matches(&to)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "## From {} to {}\n\nSemver: {}\n",
            self.from,
            self.to,
            self.verdict()
        )?;
        writeln!(f, "| | {} | {} |\n| --- | --- | --- |", self.from, self.to)?;
        for (name, before, now) in self.counts {
            writeln!(f, "| {name} | {before} | {now} |")?;
        }
        for what in self.kinds() {
            let breaks = match (what.breaks_rust(), what.breaks_wire()) {
                (true, true) => ", breaking in Rust and on the wire",
                (true, false) => ", breaking in Rust",
                _ => "",
            };
            let mut lines = String::new();
            let mut count = 0;
            for it in self.of_kind(what) {
                count += 1;
                let detail = match it.detail.as_str() {
                    "" => String::new(),
                    detail => format!(": {detail}"),
                };
                let _ = writeln!(lines, "- `{}`{detail}", it.subject);
            }
            write!(f, "\n### {} ({count}){breaks}\n\n{lines}", what.heading())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_a_list_are_indented() {
        let report = Report {
            from: "0.163.0".to_owned(),
            to: "0.171.0".to_owned(),
            counts: [("methods", 1, 2); 4],
            differences: (0..MOST_NAMES)
                .map(|number| Difference {
                    what: What::FieldLost,
                    subject: format!("TypeOfALongName.field{number}"),
                    detail: String::new(),
                })
                .collect(),
        };
        let changelog = report.changelog("package");
        let lines: Vec<_> = changelog.lines().collect();
        assert!(
            lines.iter().all(|it| it.chars().count() <= 115),
            "{changelog}"
        );
        let of_list = lines.iter().position(|it| it.starts_with("- ")).unwrap();
        let (words, list) = lines.split_at(of_list);
        assert!(words.len() > 6, "the verdict is one line: {changelog}");
        assert!(words.iter().all(|it| !it.starts_with(' ')), "{changelog}");
        assert!(list.len() > 1, "{changelog}");
        assert!(
            list[1..]
                .iter()
                .all(|it| it.starts_with("  ") && !it.starts_with("   ")),
            "{changelog}"
        );
    }

    #[test]
    fn the_first_number_that_is_not_zero_may_break() {
        for (from, to, allowed) in [
            ("0.163.0", "0.171.0", true),
            ("0.163.0", "0.163.1", false),
            ("0.163.0", "1.0.0", true),
            ("1.2.0", "1.3.0", false),
            ("0.171.0", "0.163.0", false),
        ] {
            assert_eq!(allows_breaking(from, to), allowed, "{from} to {to}");
        }
    }
}
