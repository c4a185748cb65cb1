//! What was read already, handed on to the type that wants it.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::slice;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::clock::Number;

/// A member name that was looked at, handed on to the type that wants it.
pub(crate) struct Name<'de, E>(pub(crate) Cow<'de, str>, pub(crate) PhantomData<E>);

fn visit_text<'de, V: Visitor<'de>, E: Error>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, E> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

/// Names are text, but a map may be keyed by numbers or truth values: serde_json reads those out of the text too.
macro_rules! parsed_from_the_name {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Name<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visit_text(self.0, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    parsed_from_the_name! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// The value of a registered claim that was looked at, handed on to the type that wants it.
pub(crate) enum Replay<'a, 'de> {
    Number(Number),
    /// A whole number where a text belongs: the type may take either.
    Integer(&'de str),
    Null,
    Text(Cow<'de, str>),
    Texts(&'a [Cow<'de, str>]),
}

impl<'a, 'de> Replay<'a, 'de> {
    pub(crate) fn into_deserializer<E: Error>(self) -> Replayed<'a, 'de, E> {
        Replayed(self, PhantomData)
    }
}

pub(crate) struct Replayed<'a, 'de, E>(Replay<'a, 'de>, PhantomData<E>);

impl<'de, E: Error> Deserializer<'de> for Replayed<'_, 'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.0 {
            Replay::Number(Number::Unsigned(number)) => visitor.visit_u64(number),
            Replay::Number(Number::Negative(number)) => visitor.visit_i64(number),
            Replay::Number(Number::Float(number)) => visitor.visit_f64(number),
            Replay::Integer(text) => match (text.parse(), text.parse()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_borrowed_str(text),
            },
            Replay::Null => visitor.visit_unit(),
            Replay::Text(text) => visit_text(text, visitor),
            Replay::Texts(texts) => visitor.visit_seq(Texts(texts.iter(), PhantomData)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        if matches!(self.0, Replay::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.0 {
            Replay::Integer(text) => visitor.visit_borrowed_str(text),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        match self.0 {
            Replay::Text(text) => visitor.visit_enum(text.into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

struct Texts<'a, 'de, E>(slice::Iter<'a, Cow<'de, str>>, PhantomData<E>);

impl<'de, E: Error> SeqAccess<'de> for Texts<'_, 'de, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        let Some(text) = self.0.next() else { return Ok(None) };
        seed.deserialize(Replay::Text(text.clone()).into_deserializer()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}
