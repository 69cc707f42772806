use super::*;

#[test]
fn a_property_called_like_a_keyword_is_not_one() {
    let mut definitions = Object::new();
    definitions.insert(
        "A".to_owned(),
        json!({"properties": {"minimum": {"type": "number", "minimum": 1}}}),
    );
    assert_eq!(drop_lower_bounds(&mut definitions), 1);
    assert_eq!(
        definitions["A"],
        json!({"properties": {"minimum": {"type": "number"}}})
    );
}

#[test]
fn a_heading_goes_and_the_description_after_it_stays() {
    let mut definitions = Object::new();
    definitions.insert("A".to_owned(), json!({"description": "NEW APIs"}));
    definitions.insert(
        "B".to_owned(),
        json!({"description": "NEW APIs Sent when approval is requested."}),
    );
    assert_eq!(drop_heading(&mut definitions, "NEW APIs"), 2);
    assert_eq!(definitions["A"], json!({}));
    assert_eq!(
        definitions["B"],
        json!({"description": "Sent when approval is requested."})
    );
}

#[test]
fn the_fields_of_some_unions_are_renamed() {
    let union =
        |field: &str| json!({"oneOf": [{"properties": {(field): {}}, "required": [field]}]});
    let mut definitions = Object::new();
    definitions.insert("ThreadTimelineEntry".to_owned(), union("turn_id"));
    definitions.insert("PatchChangeKind".to_owned(), union("move_path"));
    assert_eq!(restore_camel_case(&mut definitions), 1);
    assert_eq!(definitions["ThreadTimelineEntry"], union("turnId"));
    assert_eq!(definitions["PatchChangeKind"], union("move_path"));
}

#[test]
fn numbers_that_are_constant_are_numbers_and_strings_of_a_property_get_a_name() {
    let mut definitions = Object::new();
    let version = json!({"type": "integer", "format": "uint8", "enum": [1]});
    let mode = json!({"type": ["string", "null"], "enum": ["a", "b"], "description": "d"});
    definitions.insert(
        "A".to_owned(),
        json!({"type": "object", "properties": {"version": version, "mode": mode}}),
    );
    let tagged = json!({"oneOf": [{"properties": {"type": {"enum": ["x"]}, "side": {"type": "string", "enum": ["l", "r"]}}}]});
    definitions.insert("B".to_owned(), tagged);
    assert_eq!(widen_constants(&mut definitions), 1);
    assert_eq!(name_inline_enums(&mut definitions), 2);
    let properties = &definitions["A"]["properties"];
    assert_eq!(
        properties["version"],
        json!({"type": "integer", "format": "uint8"})
    );
    let mode =
        json!({"anyOf": [{"$ref": "#/definitions/AMode"}, {"type": "null"}], "description": "d"});
    assert_eq!(properties["mode"], mode);
    assert_eq!(
        definitions["AMode"],
        json!({"type": "string", "enum": ["a", "b"]})
    );
    let properties = &definitions["B"]["oneOf"][0]["properties"];
    assert_eq!(properties["type"], json!({"enum": ["x"]}));
    assert_eq!(properties["side"], json!({"$ref": "#/definitions/BSide"}));
}

#[test]
fn common_properties_go_to_every_branch() {
    let mut definitions = Object::new();
    let branch = json!({"properties": {"type": {"enum": ["a"]}}, "required": ["type"]});
    definitions.insert(
        "A".to_owned(),
        json!({"type": "object", "properties": {"id": {}}, "required": ["id"], "oneOf": [branch]}),
    );
    assert_eq!(spread_common_properties(&mut definitions), 1);
    let branch =
        json!({"properties": {"id": {}, "type": {"enum": ["a"]}}, "required": ["type", "id"]});
    assert_eq!(definitions["A"], json!({"oneOf": [branch]}));
}
