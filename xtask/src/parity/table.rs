//! The table, with one row for each name.

use std::collections::{BTreeMap, BTreeSet};

use crate::parity::test_names::exists;

/// Precedes the reason if a name has no counterpart.
const NONE: &str = "none: ";

/// A row of the table: the name, its counterpart, the tests.
struct Row<'a> {
    line: usize,
    name: &'a str,
    counterpart: &'a str,
    tests: Vec<&'a str>,
}

/// All problems with the table, each with its fix.
pub fn problems(names: &str, table: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let all: BTreeSet<&str> = names.lines().collect();
    let rows = table.lines().zip(1..).filter_map(Row::parse);
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        problems.extend(row.problems(tests));
        let Row { line, name, .. } = row;
        if let Some(first) = lines.insert(name, line) {
            problems.push(format!(
                "line {line}: `{name}` is in line {first} already: remove one of the two"
            ));
        }
        if !all.contains(name) {
            problems.push(format!(
                "line {line}: the Python SDK has no `{name}`: remove the row, or correct its name"
            ));
        } else if let Some(twin) = sync_twin(name).filter(|twin| all.contains(&**twin)) {
            problems.push(format!(
                "line {line}: `{name}` shares the row of `{twin}`: remove this one"
            ));
        }
    }
    let without = all.iter().filter(|name| !lines.contains_key(*name));
    problems.extend(without.filter_map(|name| match sync_twin(name) {
        // It shares the sync name's row. If that is missing, it is reported once.
        Some(twin) if all.contains(&*twin) => None,
        Some(twin) => Some(format!(
            "`{name}` has no row, and there is no `{twin}` whose row it could share: add one"
        )),
        None => Some(format!(
            "`{name}` has no row: add one, with its counterpart and a test"
        )),
    }));
    problems
}

/// The member of a sync class that a member of an async class repeats.
///
/// The classes themselves have their own rows.
fn sync_twin(name: &str) -> Option<String> {
    let twin = name.strip_prefix("Async")?;
    (twin.contains(['.', '('])).then(|| twin.replace("__a", "__"))
}

impl<'a> Row<'a> {
    /// Returns `None` for a line that is not a row. A row starts with a name in backticks.
    fn parse((text, line): (&'a str, usize)) -> Option<Result<Self, String>> {
        let cells = text.strip_prefix("| `")?;
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        let [name, counterpart, tests, ""] = cells[..] else {
            return Some(Err(format!(
                "line {line}: a row has three cells, for the name, its counterpart and its tests"
            )));
        };
        let Some(name) = name.strip_suffix('`') else {
            return Some(Err(format!(
                "line {line}: in the first cell there is one name, in backticks"
            )));
        };
        let tests = tests.split(", ").filter(|test| !test.is_empty());
        Some(Ok(Self {
            line,
            name,
            counterpart,
            tests: tests.collect(),
        }))
    }

    fn problems(&self, tests: &BTreeSet<String>) -> Vec<String> {
        let Self { line, name, .. } = self;
        let mut problems = Vec::new();
        let reason = self.counterpart.strip_prefix(NONE);
        if !self.counterpart.contains("[`") && reason.is_none_or(str::is_empty) {
            problems.push(format!(
                "line {line}: `{name}` has no counterpart: link to it, or write `{NONE}` and why"
            ));
        }
        if self.tests.is_empty() {
            problems.push(format!(
                "line {line}: `{name}` has no test: write one that covers it, and name it"
            ));
        }
        for test in &self.tests {
            match exists(test, tests) {
                Some(true) => {}
                Some(false) => problems.push(format!(
                    "line {line}: there is no test function {test} for `{name}`: correct the name, or write the test"
                )),
                None => problems.push(format!(
                    "line {line}: {test:?} names no test of `{name}`: write the names of functions, each in backticks, with a comma between them"
                )),
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "\
AsyncThread
AsyncThread.__aenter__
AsyncThread.read
AsyncThread.read(turns)
Thread
Thread.__enter__
Thread.read
Thread.read(turns)
";

    const TABLE: &str = "\
| in Python | here | tests |
| --- | --- | --- |
| `AsyncThread` | [`Thread`] | `one` |
| `Thread` | [`Thread`], which is async | `one`, `two` |
| `Thread.__enter__` | none: there is `Drop` | `one` |
| `Thread.read` | [`Thread::read`] | `one` |
| `Thread.read(turns)` | [`ReadThread::turns`] | `parity_12_…` |
";

    fn check(names: &str, table: &str) -> Vec<String> {
        let tests = ["one", "two", "parity_12_three"].map(str::to_owned);
        problems(names, table, &tests.into())
    }

    /// The single problem caused by a change to the table.
    #[track_caller]
    fn changed(old: &str, new: &str) -> String {
        let table = TABLE.replace(old, new);
        assert_ne!(table, TABLE);
        let mut problems = check(NAMES, &table);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn a_whole_table_has_no_problem() {
        assert_eq!(check(NAMES, TABLE), Vec::<String>::new());
    }

    #[test]
    fn each_problem_is_found_and_says_what_to_do() {
        let row = "| `AsyncThread` | [`Thread`] | `one` |\n";
        let double = format!("{row}{row}");
        let own = format!("{row}| `AsyncThread.read` | [`Thread`] | `one` |\n");
        for (old, new, expected) in [
            (row, "", "`AsyncThread` has no row: add one"),
            (
                row,
                double.as_str(),
                "line 4: `AsyncThread` is in line 3 already",
            ),
            (row, own.as_str(), "shares the row of `Thread.read`"),
            (
                "| `Thread.read` | [`Thread::read`] | `one` |\n",
                "",
                "`Thread.read` has no row: add one",
            ),
            (
                row,
                "| `AsyncThread` | [`Thread`] |\n| `AsyncThread` | [`Thread`] | `one` |\n",
                "three cells",
            ),
            (
                "there is `Drop`",
                "",
                "`Thread.__enter__` has no counterpart",
            ),
            (
                "[`ReadThread::turns`]",
                "`turns`",
                "`Thread.read(turns)` has no counterpart",
            ),
            ("| `one`, `two` |", "| |", "line 4: `Thread` has no test"),
            (
                "`one`, `two`",
                "`one`, TODO two",
                "\"TODO two\" names no test of `Thread`",
            ),
            ("`one`, `two`", "`one`, `twi`", "no test function `twi`"),
            (
                "`parity_12_…`",
                "`parity_1_…`",
                "no test function `parity_1_…`",
            ),
            (
                "`parity_12_…`",
                "`parity_1…`",
                "no test function `parity_1…`",
            ),
        ] {
            let problem = changed(old, new);
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_name_that_is_gone_is_found() {
        let problems = check(&NAMES.replace("\nThread\n", "\n"), TABLE);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].contains("the Python SDK has no `Thread`"),
            "{problems:?}"
        );
    }

    #[test]
    fn an_async_twin_with_more_than_the_sync_one_needs_a_row() {
        let names = format!("{NAMES}AsyncThread.read(more)\n");
        let problems = check(&names, TABLE);
        assert_eq!(problems.len(), 1);
        let expected = "`AsyncThread.read(more)` has no row, and there is no `Thread.read(more)`";
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}
