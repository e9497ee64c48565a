//! What the registry says of a thing changes.

use keruen_proto::Event;

use super::{Rule, Thing, check_components, claims, claims_free, exist, in_use, unretired};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// The field of an item that says what a kit consists of.
const COMPONENTS: &str = "components";

/// Changes fields of a thing. Those that are named have been parsed as on registration; the others mean nothing.
#[derive(Clone, Debug)]
pub struct Amend<T> {
    /// The code, and the new values.
    pub thing: T,
    /// Names of the fields that are to change, or of parts of them.
    pub fields: Vec<String>,
}

impl<T: Thing> Amend<T> {
    fn boundary(&self) -> Option<Boundary> {
        Boundary::thing(T::KIND, self.thing.id())
    }

    /// The thing as it will be.
    fn after(&self, before: &T) -> T {
        let mut after = before.clone();
        for field in &self.fields {
            after.take(&self.thing, field);
        }
        after
    }

    fn check_fields(&self, before: &T) -> Result<(), Rejection> {
        for (index, field) in self.fields.iter().enumerate() {
            let path = format!("fields[{index}]");
            if T::PARTS.contains(&field.as_str()) {
                continue;
            }
            let Some((_, rule)) = T::RULES.iter().find(|(name, _)| name == field) else {
                return Err(Rejection::UnknownField {
                    field: path,
                    name: field.clone(),
                    known: names_of_free_fields::<T>(),
                });
            };
            let why = match rule {
                Rule::Free => continue,
                Rule::WhereEmpty(_) if before.agrees(&T::default(), field) => continue,
                Rule::WhereEmpty(why) | Rule::Fixed(why) => *why,
            };
            return Err(Rejection::FieldFixed {
                field: path,
                name: field.clone(),
                id: before.id().to_owned(),
                why,
            });
        }
        Ok(())
    }
}

fn names_of_free_fields<T: Thing>() -> String {
    let free = T::RULES
        .iter()
        .filter(|(_, rule)| !matches!(rule, Rule::Fixed(_)))
        .map(|(name, _)| *name)
        .chain(T::PARTS.iter().copied());
    free.collect::<Vec<_>>().join(", ")
}

impl<T: Thing> Command for Amend<T> {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries: Vec<Boundary> = self.boundary().into_iter().collect();
        let Some(before) = T::of(books, self.thing.id()) else {
            return boundaries;
        };
        let after = self.after(before);
        boundaries.extend(new_names(before, &after));
        boundaries.extend(claims(books, &after));
        if !before.agrees(&after, COMPONENTS) {
            boundaries.extend(after.names());
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let boundary = self.boundary();
        exist(books, boundary.as_slice())?;
        let Some(before) = T::of(books, self.thing.id()) else {
            return Err(Rejection::NothingChanges {
                id: self.thing.id().to_owned(),
            });
        };
        let after = self.after(before);
        let names = new_names(before, &after);
        exist(books, &names)?;
        claims_free(books, &after)?;
        if let Some(boundary) = &boundary {
            unretired(books, boundary)?;
        }
        self.check_fields(before)?;
        in_use(books, &names, moment)?;
        after.check_whole()?;
        let changed: Vec<String> = T::RULES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !before.agrees(&after, name))
            .map(str::to_owned)
            .collect();
        if changed.is_empty() {
            return Err(Rejection::NothingChanges {
                id: before.id().to_owned(),
            });
        }
        let kept = after.keys();
        let released = before.keys().into_iter().filter(|key| !kept.contains(key));
        let released = released.collect();
        let amended = after.amended(changed, released);
        check_kit(books, &amended)?;
        limits::keep(vec![amended])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        self.boundary()
    }
}

/// Refuses to make an item a kit that can't be put together.
fn check_kit(books: &Books, amended: &Event) -> Result<(), Rejection> {
    match amended {
        Event::ItemAmended(event) if event.changed.iter().any(|name| name == COMPONENTS) => {
            let mut item = event.item.iter();
            item.try_for_each(|item| check_components(books, item))
        }
        _ => Ok(()),
    }
}

/// What a thing names that it did not name before.
fn new_names<T: Thing>(before: &T, after: &T) -> Vec<Boundary> {
    let known = before.names();
    let names = after.names().into_iter();
    names.filter(|name| !known.contains(name)).collect()
}
