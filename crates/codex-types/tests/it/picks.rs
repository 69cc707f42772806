//! Who decides what an instance holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Below this depth instances hold only what they must: types may hold themselves.
pub(crate) const DEEP: usize = 6;

/// Strings that a careless reader or writer gets wrong.
const STRINGS: &[&str] = &[
    "text",
    "",
    "with \"quotes\", \\ and /",
    "line\nbreak\ttab \u{0} \u{1f} \u{7f}",
    "Grüße, 日本語, Ω≈ç√",
    "👩‍👩‍👧 \u{10ffff} e\u{301}",
    "\u{2028}\u{2029}\u{feff}",
    "null",
    "{\"a\":1}",
    " ",
];

/// How the decisions are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// Only what is required.
    Minimal,
    /// Every field.
    Maximal,
    /// Every field, null where it may be.
    Null,
    /// Anything.
    Random,
}

/// The decisions for one instance.
pub(crate) struct Picks {
    pub(crate) style: Style,
    /// Which of all options is taken, or the state of the generator.
    state: u64,
    /// How many more times an instance may differ from the minimal one.
    size: usize,
    /// The longest list of options so far.
    pub(crate) longest: usize,
    /// Whether the definition itself decides, not one that it refers to.
    pub(crate) own: bool,
    /// What the definition itself decided.
    pub(crate) seen: Seen,
}

/// By schema and kind of decision, what was decided.
pub(crate) type Seen = BTreeMap<(*const Value, &'static str), Taken>;

/// The options of a schema that were taken.
pub(crate) struct Taken {
    pub(crate) schema: &'static Value,
    pub(crate) options: usize,
    pub(crate) picked: BTreeSet<usize>,
}

/// What becomes of a property.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Presence {
    Absent,
    Present,
    Null,
}

impl Picks {
    /// Takes the `turn`th of all options.
    pub(crate) fn systematic(style: Style, turn: usize) -> Self {
        Self::new(style, turn as u64, 0)
    }

    /// Takes random options, `size` times at most, and the first from then on.
    pub(crate) fn random(seed: u64, size: usize) -> Self {
        Self::new(Style::Random, seed, size)
    }

    fn new(style: Style, state: u64, size: usize) -> Self {
        Self {
            style,
            state,
            size,
            longest: 1,
            own: true,
            seen: Seen::new(),
        }
    }

    /// One of some options, of which the first is the simplest.
    pub(crate) fn option(
        &mut self,
        schema: &'static Value,
        what: &'static str,
        options: usize,
    ) -> usize {
        self.longest = self.longest.max(options);
        let picked = self.index(options);
        if !self.own {
            return picked;
        }
        let seen = self.seen.entry((std::ptr::from_ref(schema), what));
        let seen = seen.or_insert_with(|| Taken {
            schema,
            options,
            picked: BTreeSet::new(),
        });
        seen.picked.insert(picked);
        picked
    }

    fn index(&mut self, options: usize) -> usize {
        let options = options as u64;
        let picked = match self.style {
            Style::Random if self.size == 0 => 0,
            Style::Random => {
                self.size -= 1;
                self.draw() % options
            }
            _ => self.state % options,
        };
        usize::try_from(picked).unwrap()
    }

    /// `SplitMix64`: tiny, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn presence(
        &mut self,
        schema: &'static Value,
        nullable: bool,
        depth: usize,
    ) -> Presence {
        const ALL: [Presence; 3] = [Presence::Absent, Presence::Present, Presence::Null];
        match self.style {
            _ if depth >= DEEP => Presence::Absent,
            Style::Minimal => Presence::Absent,
            Style::Null if nullable => Presence::Null,
            Style::Maximal | Style::Null => Presence::Present,
            // Deeper down less is there, or instances would explode.
            Style::Random => match (depth > 1).then(|| self.index(depth)) {
                None | Some(0) => {
                    ALL[self.option(schema, "presence", if nullable { 3 } else { 2 })]
                }
                Some(_) => Presence::Absent,
            },
        }
    }

    /// Whether a value that may be null is.
    pub(crate) fn null(&mut self, schema: &'static Value, depth: usize) -> bool {
        match self.style {
            _ if depth >= DEEP => true,
            Style::Null => true,
            _ => self.option(schema, "null", 2) == 0,
        }
    }

    pub(crate) fn length(&mut self, schema: &'static Value, depth: usize) -> usize {
        match self.style {
            _ if depth >= DEEP => 0,
            Style::Minimal => 0,
            Style::Maximal | Style::Null => 1,
            Style::Random if depth > 2 => self.index(2),
            Style::Random => self.option(schema, "length", 4),
        }
    }

    pub(crate) fn string(&mut self, schema: &'static Value) -> &'static str {
        let strings = match schema.get("minLength") {
            None => STRINGS,
            // The only bound of this kind in the schema.
            Some(least) => {
                assert_eq!(least, 1);
                &["text", "日", "\\"]
            }
        };
        strings[self.index(strings.len())]
    }

    /// A key of a map; the same only once.
    pub(crate) fn key(&mut self, nth: usize) -> String {
        let picked = self.index(STRINGS.len());
        STRINGS[(picked + nth) % STRINGS.len()].to_owned()
    }
}
