//! The registry as it was known at a position: facilities in the regions, and batches with the last days of use, that the
//! log told by then.

use crate::{
    clauses::Clauses,
    database::{Connection, params},
    failure::StoreError,
    older::{has_table, itself},
};

/// Stand in for tables of the registry, in a statement about what was known at a position. There are none where nothing has
/// changed since, and of rows of an older version, which did not keep what it said before.
pub fn stand_ins(
    connection: &Connection,
    clauses: &mut Clauses,
    known_at: u64,
    is_older: bool,
) -> Result<Vec<String>, StoreError> {
    let position = i64::try_from(known_at).unwrap_or(i64::MAX);
    let mut stand_ins = Vec::new();
    for (table, stand_in) in [
        ("former_regions", regions as fn(&Connection, &str) -> String),
        ("former_expiries", batches),
    ] {
        if is_older && !has_table(connection, table)? {
            continue;
        }
        let has_changed = connection
            .prepare_cached(&format!(
                "SELECT 1 FROM {table} WHERE until_position > ?1 LIMIT 1"
            ))?
            .query_row(params![position], |_| Ok(()))?;
        if has_changed.is_some() {
            let position = clauses.parameter(position);
            stand_ins.push(stand_in(connection, &position));
        }
    }
    Ok(stand_ins)
}

fn regions(connection: &Connection, position: &str) -> String {
    let stored = itself(connection, "facility_regions");
    format!(
        "facility_regions AS (\
         SELECT r.facility_id, r.valid_from, r.valid_to, r.region_id FROM {stored} r WHERE NOT EXISTS \
         (SELECT 1 FROM former_regions n WHERE n.facility_id = r.facility_id AND n.until_position > {position}) \
         UNION ALL \
         SELECT o.facility_id, o.valid_from, o.valid_to, o.region_id FROM former_regions o WHERE o.until_position = \
         (SELECT MIN(n.until_position) FROM former_regions n \
         WHERE n.facility_id = o.facility_id AND n.until_position > {position}))"
    )
}

fn batches(connection: &Connection, position: &str) -> String {
    let stored = itself(connection, "batches");
    format!(
        "batches AS NOT MATERIALIZED (SELECT b.batch_id, COALESCE((SELECT o.expires_on FROM former_expiries o \
         WHERE o.batch_id = b.batch_id AND o.until_position > {position} ORDER BY o.until_position LIMIT 1), \
         b.expires_on) AS expires_on FROM {stored} b)"
    )
}
