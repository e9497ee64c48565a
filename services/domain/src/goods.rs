//! Goods as a pledge or a request names them: of a commodity, or of an exact item of it.

use std::collections::BTreeSet;

use keruen_proto::registry::v1::Item;

use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, MAX_QUANTITY},
    command::Moment,
    registry::{self, existing_commodity, existing_item},
    rejection::Rejection,
};

/// Goods that a line names.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub line: i32,
    pub commodity_id: Option<&'a Code>,
    pub item_id: Option<&'a Code>,
    pub quantity: i64,
}

/// What must be read to know these goods.
pub(crate) fn reads<'a>(lines: impl Iterator<Item = Named<'a>>) -> Vec<Boundary> {
    lines
        .flat_map(|named| {
            let commodity = named.commodity_id.map(|id| Boundary::Commodity(id.clone()));
            commodity
                .into_iter()
                .chain(named.item_id.map(|id| Boundary::Item(id.clone())))
        })
        .collect()
}

/// Refuses goods that are not in the registry.
pub(crate) fn exist<'a>(
    books: &Books,
    lines: impl Iterator<Item = Named<'a>>,
) -> Result<(), Rejection> {
    for named in lines {
        if let Some(id) = named.commodity_id {
            existing_commodity(books, id)?;
        }
        if let Some(id) = named.item_id {
            existing_item(books, id)?;
        }
    }
    Ok(())
}

/// Refuses goods that are retired: nobody promises or asks for them any more.
pub(crate) fn in_use<'a>(
    books: &Books,
    lines: impl Iterator<Item = Named<'a>>,
    moment: Moment,
) -> Result<(), Rejection> {
    registry::in_use(books, &reads(lines), moment)
}

/// The commodity of each line, where it is named or the item says it.
pub(crate) fn commodities<'a>(
    books: &Books,
    lines: impl Iterator<Item = Named<'a>>,
) -> Result<Vec<String>, Rejection> {
    lines
        .enumerate()
        .map(|(index, named)| commodity(books, index, named))
        .collect()
}

/// The commodity of one line.
pub(crate) fn commodity(
    books: &Books,
    index: usize,
    named: Named<'_>,
) -> Result<String, Rejection> {
    let field = format!("lines[{index}].commodity_id");
    let served = match named.item_id {
        Some(id) => Some(existing_item(books, id)?.commodity_id.clone()),
        None => None,
    };
    match (named.commodity_id, served) {
        (None, None) => Err(Rejection::CommodityRequired { field }),
        (Some(commodity_id), Some(served)) if served != commodity_id.as_str() => {
            Err(Rejection::CommodityMismatch {
                field,
                item_id: named.item_id.map(Code::to_string).unwrap_or_default(),
                item_commodity_id: served,
                commodity_id: commodity_id.to_string(),
            })
        }
        (Some(commodity_id), _) => Ok(commodity_id.to_string()),
        (None, Some(served)) => Ok(served),
    }
}

/// Refuses line numbers that stand there twice.
pub(crate) fn numbered_once(lines: impl Iterator<Item = i32>) -> Result<(), Rejection> {
    let mut seen = BTreeSet::new();
    for (index, line) in lines.enumerate() {
        if !seen.insert(line) {
            return Err(Rejection::DuplicateLine {
                field: format!("lines[{index}].line"),
                line,
            });
        }
    }
    Ok(())
}

/// Refuses quantities that come to more than every client language can hold.
pub(crate) fn sum(field: &str, quantities: impl Iterator<Item = i64>) -> Result<i64, Rejection> {
    let sum = quantities.fold(0, i64::saturating_add);
    if sum > MAX_QUANTITY {
        return Err(Rejection::QuantityOverflow {
            field: field.to_owned(),
            sum,
        });
    }
    Ok(sum)
}

/// Whether an item is what a line of a pledge or request is about.
pub(crate) fn fits(commodity_id: &str, item_id: &str, item: &Item) -> bool {
    if item_id.is_empty() {
        commodity_id == item.commodity_id
    } else {
        item_id == item.item_id
    }
}

/// What a line is about, for people.
pub(crate) fn described(commodity_id: &str, item_id: &str) -> String {
    if item_id.is_empty() {
        format!("commodity {commodity_id}")
    } else {
        format!("item {item_id}")
    }
}
