//! Tests of the importer on models built in memory.
