//! A query of the SQLite catalog as one statement.

use rusqlite::types::Value;

use super::record::{By, Link, Query};

/// The statement of a query and its values.
pub(super) fn select(query: &Query, columns: &str) -> (String, Vec<Value>) {
    let mut clause = Clause::default();
    let kind = Value::Integer(i64::from(query.kind as u8));
    let from = match query.linked.split_first() {
        // The links lead to the records, however many others there are.
        Some((first, others)) => {
            clause.and("l.account = ? AND l.kind = ?", [query.account.0.into(), kind]);
            clause.and("l.to_kind = ? AND l.to_id = ?", values_of(*first));
            for link in others {
                clause.and(
                    "EXISTS (SELECT 1 FROM links m WHERE m.account = l.account AND m.kind = l.kind AND m.id = l.id \
                     AND m.to_kind = ? AND m.to_id = ?)",
                    values_of(*link),
                );
            }
            "links l JOIN records r ON r.account = l.account AND r.kind = l.kind AND r.id = l.id"
        }
        None => {
            clause.and("r.account = ? AND r.kind = ?", [query.account.0.into(), kind]);
            "records r"
        }
    };
    if !query.search.is_empty() {
        let pattern = format!("%{}%", escaped(&query.search.to_lowercase()));
        clause.and("folded LIKE ? ESCAPE '\\'", [pattern.into()]);
    }
    if !query.states.is_empty() {
        let marks = vec!["?"; query.states.len()].join(", ");
        let states = query.states.iter().cloned().map(Value::from);
        clause.and(&format!("state IN ({marks})"), states);
    }
    let (column, direction) = order(query);
    let compare = if query.order.descending { "<" } else { ">" };
    if let Some(cursor) = &query.after {
        let id: Value = cursor.id.into();
        match query.order.by {
            By::Id => clause.and(&format!("r.id {compare} ?"), [id]),
            By::Name => {
                let behind = format!("({column}, r.id) {compare} (?, ?)");
                clause.and(&behind, [cursor.value.clone().into(), id]);
            }
            By::UpdatedAt => {
                let behind = format!("({column}, r.id) {compare} (?, ?)");
                clause.and(&behind, [Value::Integer(cursor.value.parse().unwrap_or(0)), id]);
            }
        }
    }
    let Clause { mut sql, mut values } = clause;
    sql = format!("SELECT {columns} FROM {from} WHERE {sql}");
    sql.push_str(&match query.order.by {
        By::Id => format!(" ORDER BY r.id {direction}"),
        By::Name | By::UpdatedAt => format!(" ORDER BY {column} {direction}, r.id {direction}"),
    });
    if query.limit != u32::MAX {
        sql.push_str(" LIMIT ?");
        values.push(query.limit.into());
    }
    (sql, values)
}

/// What must hold, and the values for its marks.
#[derive(Default)]
struct Clause {
    sql: String,
    values: Vec<Value>,
}

impl Clause {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}

fn values_of(link: Link) -> [Value; 2] {
    [Value::Integer(i64::from(link.kind as u8)), link.id.into()]
}

fn order(query: &Query) -> (&'static str, &'static str) {
    let column = match query.order.by {
        By::Id => "id",
        By::Name => "name",
        By::UpdatedAt => "updated_at",
    };
    (column, if query.order.descending { "DESC" } else { "ASC" })
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
