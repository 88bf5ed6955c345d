"""Reads Parquet files with three engines and prints, as JSON, what each finds in every column.

usage: readers.py FILE...
For each engine and column: the number of values, the number of NULLs, and a digest of the sorted
values, which is the same where the values are.
"""
import datetime, hashlib, io, json, sys, uuid

import chdb
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    """The value as bytes, the same for each engine's type of it."""
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, datetime.datetime):
        value = (value - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, (bool, int)):
        return str(int(value)).encode()
    return repr(value).encode()


def digest(values):
    values = list(values)
    there = sorted(plain(v) for v in values if v is not None)
    sum = hashlib.sha256()
    for v in there:
        sum.update(len(v).to_bytes(8, 'big') + v)
    return [len(values), len(values) - len(there), sum.hexdigest()]


def columns_of(table):
    return {name: digest(table.column(name).to_pylist()) for name in sorted(table.column_names)}


def with_pyarrow(files):
    return columns_of(pa.concat_tables([pq.read_table(f) for f in files], promote_options='default'))


def with_duckdb(files):
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    result = con.execute('select * from read_parquet(?, union_by_name = true)', [files])
    names = [d[0] for d in result.description]
    rows = result.fetchall()
    return {name: digest(row[i] for row in rows) for i, name in sorted(enumerate(names), key=lambda x: x[1])}


def with_clickhouse(files):
    sql = ' union all '.join(f"select * from file('{f}', Parquet)" for f in files)
    sql += ' settings output_format_arrow_string_as_string = 0'
    # Bytes of Arrow's stream, as ClickHouse's own client gives them.
    raw = chdb.query(sql, 'ArrowStream').bytes()
    return columns_of(pa.ipc.open_stream(io.BytesIO(raw)).read_all())


if __name__ == '__main__':
    files = sys.argv[1:]
    json.dump({'pyarrow': with_pyarrow(files), 'duckdb': with_duckdb(files), 'clickhouse': with_clickhouse(files)}, sys.stdout)
