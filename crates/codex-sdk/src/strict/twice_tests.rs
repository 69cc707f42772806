//! Keys that an object has twice.

use schemars::JsonSchema;
use serde_json::json;

use super::StrictSchema;
use crate::error::Error;

macro_rules! structs {
    ($(struct $name:ident $body:tt)*) => {$(
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only the schema is looked at")]
        struct $name $body
    )*};
}

structs! {
    struct Plain { n: u8 }
    struct More { n: u8, m: u8 }
    struct Own { n: u8, #[serde(flatten)] plain: Plain }
    struct Two { #[serde(flatten)] plain: Plain, #[serde(flatten)] more: More }
    struct Within { list: Vec<Own> }
    struct Defaulted { #[serde(default)] n: u8 }
    struct Perhaps { n: u8, #[serde(flatten)] rest: Defaulted }
}

#[test]
fn run_as_refuses_a_key_that_two_flattened_parts_require() {
    for (strict, at) in [
        (StrictSchema::of::<Own>(), "$.n"),
        (StrictSchema::of::<Two>(), "$.n"),
        (StrictSchema::of::<Within>(), "$.list[].n"),
    ] {
        let Err(Error::Schema { path, problem }) = strict else {
            panic!("{at}: {strict:?}");
        };
        assert_eq!(path, at, "{problem}");
        assert!(problem.contains("`flatten`"), "{problem}");
    }
    // Here the second one can do without.
    let strict = StrictSchema::of::<Perhaps>().unwrap();
    assert_eq!(strict.schema["required"], json!(["n"]));
}
