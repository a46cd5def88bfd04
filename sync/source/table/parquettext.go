package table

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// textOf returns a function that writes values of a type as a CSV would have them.
func textOf(t parquet.Type) func(parquet.Value) string {
	logical := t.LogicalType()
	if logical == nil {
		return plainText
	}
	switch l := logical.Value.(type) {
	case *format.DecimalType:
		return func(v parquet.Value) string { return decimalText(v, int64(l.Scale)) }
	case *format.DateType:
		return func(v parquet.Value) string {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly)
		}
	case *format.TimestampType:
		return timestampText(l.Unit.Value)
	case *format.UUIDType:
		return uuidText
	case *format.IntType:
		if !l.IsSigned {
			return unsignedText
		}
	}
	return plainText
}

func plainText(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.Float:
		return floatText(float64(v.Float()), 32, 24)
	case parquet.Double:
		return floatText(v.Double(), 64, 53)
	case parquet.Int96: // how Spark and Hive wrote times: nanoseconds of a Julian day
		w := v.Int96()
		const julianUnix = 2440588
		nanos := int64(uint64(w[1])<<32 | uint64(w[0]))
		return timeText(time.Unix((int64(w[2])-julianUnix)*86400, nanos))
	}
	return string(v.ByteArray())
}

func uuidText(v parquet.Value) string {
	b := v.ByteArray() // of 16 bytes, as its type says
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func unsignedText(v parquet.Value) string {
	if v.Kind() == parquet.Int32 {
		return strconv.FormatUint(uint64(v.Uint32()), 10)
	}
	return strconv.FormatUint(v.Uint64(), 10)
}

// floatText writes a number without an exponent, unless it is so large that it
// cannot be told from its neighbours: then it cannot be an id, and the exponent
// shows that. NaN, which pandas writes for a missing value, and infinity are empty.
func floatText(f float64, bits, mantissa int) string {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return ""
	case math.Abs(f) > math.Ldexp(1, mantissa):
		return strconv.FormatFloat(f, 'E', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

func timestampText(unit format.TimeUnitValue) func(parquet.Value) string {
	of := time.UnixMicro
	switch unit.(type) {
	case *format.MilliSeconds:
		of = time.UnixMilli
	case *format.NanoSeconds:
		of = func(n int64) time.Time { return time.Unix(0, n) }
	}
	return func(v parquet.Value) string { return timeText(of(v.Int64())) }
}

// timeText writes a time as Segment does, in UTC.
func timeText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// decimalText writes a decimal with all its digits but no trailing zeros, so that an
// id in a NUMERIC(38,0) stays that id, and 12.50 becomes 12.5.
func decimalText(v parquet.Value, scale int64) string {
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
	if scale <= 0 {
		return n.String()
	}
	r := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(scale), nil))
	digits, _ := r.FloatPrec() // exact, since the denominator is a power of ten
	return r.FloatString(digits)
}
