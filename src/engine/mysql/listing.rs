//! Lists in statements: these databases have no arrays, so each value of an `in` list gets a
//! placeholder of its own. Their number is a power of two, so that lists of many lengths share
//! few prepared statements.

use crate::engine::{Parameter, Role};

/// How many placeholders a statement may have; the protocol counts them in 16 bits.
const MOST_PLACEHOLDERS: usize = 65_535;

/// How the dialect opens a list. All that follows, up to the parenthesis that closes it, is
/// repeated for each value.
pub const OPENING: &str = " IN (";

const EMPTY: &str = "SELECT NULL FROM DUAL WHERE FALSE";

/// The numbers of placeholders that lists of these lengths get; `None` where a statement cannot
/// have that many. `others` is how many it has beside the lists.
pub fn places(lengths: &[usize], others: usize) -> Option<Vec<usize>> {
    let rounded = lengths.iter().map(|length| match length {
        0 => 0,
        length => length.next_power_of_two(),
    });
    [rounded.collect(), lengths.to_vec()]
        .into_iter()
        .find(|places: &Vec<usize>| places.iter().sum::<usize>() + others <= MOST_PLACEHOLDERS)
}

/// `sql` with as many placeholders in its lists as `places` tells, list by list.
pub fn expand(sql: &str, parameters: &[Parameter], places: &[usize]) -> String {
    let mut expanded = String::with_capacity(sql.len() * 2);
    let mut parameters = parameters.iter();
    let mut places = places.iter();
    // Where the latest list opens, there and here.
    let mut opening = (0, 0);
    let mut quote = None;
    let mut at = 0;
    while let Some(character) = sql[at..].chars().next() {
        let opens = quote.is_none() && sql[at..].starts_with(OPENING);
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '`' | '\'') => quote = Some(character),
            (None, '?') => {
                let listed = parameters
                    .next()
                    .is_some_and(|parameter| parameter.role == Role::Listed);
                if listed {
                    let (start, end) = (opening.0, closing(sql, at));
                    expanded.truncate(opening.1);
                    match places.next() {
                        None | Some(0) => expanded.push_str(EMPTY),
                        Some(places) => {
                            let each = &sql[start..end];
                            expanded.push_str(each);
                            for _ in 1..*places {
                                expanded.push_str(", ");
                                expanded.push_str(each);
                            }
                        }
                    }
                    at = end;
                    continue;
                }
            }
            _ => {}
        }
        if opens {
            expanded.push_str(OPENING);
            at += OPENING.len();
            opening = (at, expanded.len());
        } else {
            expanded.push(character);
            at += character.len_utf8();
        }
    }
    expanded
}

/// Where the list closes whose placeholder is at `from`.
fn closing(sql: &str, from: usize) -> usize {
    let mut depth = 0;
    let opened = sql[..from]
        .rfind(OPENING)
        .map_or(from, |at| at + OPENING.len());
    for (offset, character) in sql[opened..].char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return opened + offset,
            ')' => depth -= 1,
            _ => {}
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Kind;

    fn parameters(roles: &[Role]) -> Vec<Parameter> {
        let parameter = |(slot, role): (usize, &Role)| Parameter {
            slot,
            kind: Kind::String,
            role: *role,
            native_type: 0,
        };
        roles.iter().enumerate().map(parameter).collect()
    }

    #[test]
    fn every_value_of_a_list_gets_its_placeholder() {
        let sql = "SELECT `wh IN (?y``` FROM `t` WHERE `a` = ? AND `b` IN (?) AND `c` = '?' \
                   AND F(`d`) NOT IN (F(G(? USING x))) AND `e` = ?";
        let parameters = parameters(&[Role::Compared, Role::Listed, Role::Listed, Role::Compared]);
        assert_eq!(
            expand(sql, &parameters, &[2, 1]),
            "SELECT `wh IN (?y``` FROM `t` WHERE `a` = ? AND `b` IN (?, ?) AND `c` = '?' \
             AND F(`d`) NOT IN (F(G(? USING x))) AND `e` = ?"
        );
        assert_eq!(
            expand(sql, &parameters, &[0, 4]),
            "SELECT `wh IN (?y``` FROM `t` WHERE `a` = ? \
             AND `b` IN (SELECT NULL FROM DUAL WHERE FALSE) AND `c` = '?' \
             AND F(`d`) NOT IN (F(G(? USING x)), F(G(? USING x)), F(G(? USING x)), \
             F(G(? USING x))) AND `e` = ?"
        );
    }

    #[test]
    fn numbers_of_placeholders_are_few_and_bounded() {
        assert_eq!(places(&[0, 1, 2, 3, 100], 7), Some(vec![0, 1, 2, 4, 128]));
        assert_eq!(places(&[40_000], 7), Some(vec![40_000]));
        assert_eq!(places(&[65_535], 0), Some(vec![65_535]));
        assert_eq!(places(&[65_535], 1), None);
        assert_eq!(places(&[40_000, 40_000], 0), None);
    }
}
