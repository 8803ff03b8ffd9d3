"""Frames: reading, grouping, joining, reshaping, time series, strings."""
import io

import numpy as np
import pandas as pd

csv = "day,city,t,rain\n2024-01-01,Oslo,-3.5,0\n2024-01-01,Rome,11,2.5\n2024-01-02,Oslo,-1,\n2024-01-02,Rome,12.25,0\n2024-01-03,Rome,9,7\n"
frame = pd.read_csv(io.StringIO(csv), parse_dates=["day"])
print(frame, frame.dtypes, frame.describe(), sep="\n")
print(frame.groupby("city").agg({"t": ["mean", "max"], "rain": "sum"}))
print(frame.pivot(index="day", columns="city", values="t").ffill())
print(frame.set_index("day").groupby("city")["t"].resample("2D").mean())
print(frame.merge(pd.DataFrame({"city": ["Oslo", "Bern"], "country": ["NO", "CH"]}), how="outer", on="city"))
print(frame.assign(f=lambda d: d.t * 9 / 5 + 32).query("f > 50 and rain > 0"))
series = pd.Series([1, 2, None, 4], index=list("abcd"), dtype="Int64")
print(series, series.fillna(0).rolling(2).sum(), series.isna().sum())
print(pd.date_range("2024-01-30", periods=4, freq="M"), pd.Timestamp("2024-02-29") + pd.DateOffset(years=1), pd.Timedelta("1D 2h"))
print(frame.city.str.upper().str.extract(r"(?P<first>\w)(?P<rest>\w+)"))
print(pd.cut(frame.t, 3, labels=["low", "mid", "high"]).value_counts().sort_index())
print(frame.to_json(orient="records", date_format="iso"))
print(pd.read_json(io.StringIO(frame.to_json())).shape, frame.apply(lambda row: f"{row.city}:{row.t}", axis=1).tolist())
print(frame.stack().head(4), pd.concat([frame, frame], keys=["x", "y"]).loc["y"].shape)
print(pd.crosstab(frame.city, frame.rain > 0))
print(pd.MultiIndex.from_product([[1, 2], ["a", "b"]]).to_frame(), pd.Categorical(["b", "a", "b"]).codes)
print(pd.to_datetime(["01/02/2024", "bad"], errors="coerce"), pd.Series([3, 1, 2]).sort_values().index.tolist())
print(frame.eval("t + rain").tolist(), np.sqrt(frame.t.abs()).round(3).tolist())
for wrong in (lambda: frame["none"], lambda: frame.loc[99], lambda: pd.to_datetime("xx"), lambda: frame.t.astype("datetime64[h]x")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
