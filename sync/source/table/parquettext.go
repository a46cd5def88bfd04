package table

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// textOf returns how the values of a type are written: as a person would in a CSV.
func textOf(t parquet.Type) func(to []byte, v parquet.Value) []byte {
	logical := t.LogicalType()
	if logical != nil {
		switch l := logical.Value.(type) {
		case *format.DecimalType:
			return func(to []byte, v parquet.Value) []byte { return appendDecimal(to, v, int(l.Scale)) }
		case *format.DateType:
			return func(to []byte, v parquet.Value) []byte {
				return time.Unix(int64(v.Int32())*86400, 0).UTC().AppendFormat(to, time.DateOnly)
			}
		case *format.TimestampType:
			return timestampText(l.Unit.Value)
		case *format.UUIDType:
			return appendUUID
		case *format.IntType:
			if !l.IsSigned {
				return appendUnsigned
			}
		}
	}
	return appendPlain
}

func appendPlain(to []byte, v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(to, v.Boolean())
	case parquet.Int32:
		return strconv.AppendInt(to, int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.AppendInt(to, v.Int64(), 10)
	case parquet.Float:
		return appendFloat(to, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(to, v.Double(), 64)
	case parquet.Int96: // how Spark and Hive wrote times: nanoseconds of a Julian day
		w := v.Int96()
		const julianUnix = 2440588
		nanos := int64(uint64(w[1])<<32 | uint64(w[0]))
		return appendTime(to, time.Unix((int64(w[2])-julianUnix)*86400, nanos))
	}
	return append(to, v.ByteArray()...)
}

func appendUnsigned(to []byte, v parquet.Value) []byte {
	if v.Kind() == parquet.Int32 {
		return strconv.AppendUint(to, uint64(v.Uint32()), 10)
	}
	return strconv.AppendUint(to, v.Uint64(), 10)
}

// appendFloat writes a number without an exponent, but for one that no longer
// tells its neighbours apart: as an id that is none, and shows it. What is no
// number (pandas writes NaN where there is nothing) is empty.
func appendFloat(to []byte, f float64, bits int) []byte {
	exact := math.Ldexp(1, 53)
	if bits == 32 {
		exact = math.Ldexp(1, 24)
	}
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return to
	case math.Abs(f) > exact:
		return strconv.AppendFloat(to, f, 'E', -1, bits)
	}
	return strconv.AppendFloat(to, f, 'f', -1, bits)
}

func timestampText(unit format.TimeUnitValue) func(to []byte, v parquet.Value) []byte {
	of := time.UnixMicro
	switch unit.(type) {
	case *format.MilliSeconds:
		of = time.UnixMilli
	case *format.NanoSeconds:
		of = func(n int64) time.Time { return time.Unix(0, n) }
	}
	return func(to []byte, v parquet.Value) []byte { return appendTime(to, of(v.Int64())) }
}

// appendTime writes a time as Segment does; one without a zone is taken for UTC.
func appendTime(to []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(to, time.RFC3339Nano)
}

func appendUUID(to []byte, v parquet.Value) []byte {
	b := v.ByteArray()
	for i, part := range [...]struct{ from, until int }{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, b[part.from:part.until])
	}
	return to
}

// appendDecimal writes a decimal with all its digits, without trailing zeros: an id in a NUMERIC(38,0) is that id, and 12.50 is 12.5.
func appendDecimal(to []byte, v parquet.Value, scale int) []byte {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // two's complement, the largest byte first
		b := v.ByteArray()
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
		}
	}
	if n.Sign() < 0 {
		to = append(to, '-')
		n.Neg(n)
	}
	digits := n.String()
	for len(digits) <= scale {
		digits = "0" + digits
	}
	whole, frac := digits[:len(digits)-scale], digits[len(digits)-scale:]
	for len(frac) > 0 && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	to = append(to, whole...)
	if frac != "" {
		to = append(append(to, '.'), frac...)
	}
	return to
}
