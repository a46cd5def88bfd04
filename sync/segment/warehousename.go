package segment

// WarehouseName returns the name that Segment gives a trait's column in a warehouse, as
// its package go-snakecase does (https://github.com/segmentio/go-snakecase). A key in
// snake case stays as it is, but for what a key of a journey may have: __ becomes _, and
// a _ at either end goes. Bytes that are not ASCII vanish.
func WarehouseName(key string) string {
	good := goodPrefix(key)
	if good == len(key) {
		return key
	}
	b := append(make([]byte, 0, len(key)+4), key[:good]...)
	for i := good; i < len(key); {
		if !isWord(rune(key[i])) {
			i++
			continue
		}
		if len(b) > 0 && !(i == good && isCapital(rune(key[i])) && endsInDigits(key[:good])) {
			b = append(b, '_')
		}
		for ; i < len(key) && (isCapital(rune(key[i])) || isDigit(key[i])); i++ {
			b = append(b, lowerByte(key[i]))
		}
		for ; i < len(key) && (isSmall(rune(key[i])) || isDigit(key[i])); i++ {
			b = append(b, key[i])
		}
	}
	return string(b)
}

// goodPrefix returns how much of a key is as it would be written.
func goodPrefix(key string) int {
	plain := func(i int) bool { return isSmall(rune(key[i])) || isDigit(key[i]) }
	i := 0
	for i < len(key) && (plain(i) || key[i] == '_' && i > 0 && i < len(key)-1 && plain(i+1)) {
		i++
	}
	return i
}

// endsInDigits reports whether there is no letter behind the last _.
func endsInDigits(prefix string) bool {
	for i := len(prefix) - 1; i >= 0 && prefix[i] != '_'; i-- {
		if !isDigit(prefix[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
