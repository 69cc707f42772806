//! Upstream's descriptions as rustdoc.

use proc_macro2::TokenStream;
use quote::quote;

/// The note on experimental items.
const EXPERIMENTAL: &str =
    "**Experimental**: needs the capability `experimentalApi`, and may change.";

/// The documentation of an item: its description or a generated sentence, then remarks.
///
/// Empty texts are omitted, so an item without any information gets no documentation.
pub fn item(
    description: Option<&str>,
    otherwise: &str,
    experimental: bool,
    remarks: &[String],
) -> TokenStream {
    let first = match description.map(str::trim).filter(|it| !it.is_empty()) {
        Some(description) => escape(description),
        None => vec![otherwise.to_owned()],
    };
    let remarks = remarks.iter().map(String::as_str);
    let paragraphs: Vec<_> = std::iter::once(first.join("\n"))
        .chain(remarks.map(str::to_owned))
        .chain(experimental.then(|| EXPERIMENTAL.to_owned()))
        .filter(|it| !it.is_empty())
        .collect();
    let text = paragraphs.join("\n\n");
    let lines = text.lines().map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!(" {line}")
        }
    });
    quote!(#(#[doc = #lines])*)
}

/// Escapes text to keep rustdoc from reading links, HTML or doctests into it.
fn escape(text: &str) -> Vec<String> {
    let mut in_fence = false;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            in_fence = !in_fence;
            let line = if in_fence && language.is_empty() {
                format!("{line}text")
            } else {
                line.to_owned()
            };
            lines.push(line);
        } else if in_fence {
            lines.push(line.to_owned());
        } else {
            lines.push(escape_line(line));
        }
    }
    lines
}

fn escape_line(line: &str) -> String {
    // Odd parts are code spans; an unpaired backtick doesn't start one.
    let parts: Vec<&str> = line.split('`').collect();
    let paired = parts.len() % 2 == 1;
    let escaped = parts.iter().enumerate().map(|(index, part)| {
        let code = index % 2 == 1 && (paired || index + 1 < parts.len());
        if code {
            (*part).to_owned()
        } else {
            escape_prose(part)
        }
    });
    escaped.collect::<Vec<_>>().join("`")
}

fn escape_prose(text: &str) -> String {
    let word = |word: &str| {
        if word.starts_with("http://") || word.starts_with("https://") {
            let url = word.trim_end_matches(['.', ',', ')']);
            return format!("<{url}>{}", &word[url.len()..]);
        }
        let mut escaped = String::new();
        for character in word.chars() {
            if matches!(character, '[' | ']' | '<' | '>') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        escaped
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_nothing_to_say_has_no_documentation() {
        assert!(item(None, "", false, &[String::new()]).is_empty());
        let documented = item(Some("What\nit is."), "", false, &["Remark.".to_owned()]);
        let expected = quote! {
            #[doc = " What"]
            #[doc = " it is."]
            #[doc = ""]
            #[doc = " Remark."]
        };
        assert_eq!(documented.to_string(), expected.to_string());
    }

    #[test]
    fn prose_is_escaped_and_code_is_not() {
        assert_eq!(escape_line("a [b] <id> `[c]`"), r"a \[b\] \<id\> `[c]`");
    }

    #[test]
    fn a_bare_address_becomes_a_link() {
        assert_eq!(
            escape_line("See https://example.org/x."),
            "See <https://example.org/x>."
        );
    }
}
