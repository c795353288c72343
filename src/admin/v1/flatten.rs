//! Schemas of documents with members beside theirs: one object each.
//!
//! A document is closed: a body with a member that it does not have is refused. What is answered has the same members
//! and those that the service adds, so it can't be described as "all of" the closed document and something else.

use std::collections::BTreeMap;

use utoipa::openapi::{Object, RefOr, Schema};

/// Makes one object of each schema that is made of several.
pub(super) fn flatten(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let made_of_several = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::AllOf(_)));
    let flat: Vec<(String, Object)> = schemas
        .iter()
        .filter(|(_, schema)| made_of_several(schema))
        .filter_map(|(name, schema)| Some((name.clone(), object(schema, schemas)?)))
        .collect();
    schemas.extend(flat.into_iter().map(|(name, object)| (name, Schema::Object(object).into())));
}

/// The members of a schema, wherever they are written.
fn object(schema: &RefOr<Schema>, all: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next()?;
            object(all.get(name)?, all)
        }
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(Schema::AllOf(several)) => {
            let mut whole = Object::with_type(utoipa::openapi::schema::Type::Object);
            whole.description.clone_from(&several.description);
            for part in &several.items {
                let part = object(part, all)?;
                whole.required.extend(part.required);
                whole.properties.extend(part.properties);
            }
            Some(whole)
        }
        RefOr::T(_) => None,
    }
}
