package mapping

// ConversionParameters returns the parameters that a conversion may have by the
// settings, in the order in which they are sent. Those of items have no numbers.
func (m *Mapper) ConversionParameters() (names []string) {
	for i := range m.conversions {
		if s := &m.conversions[i]; s.name != "items" && !s.removed {
			names = append(names, s.name)
		}
	}
	for _, s := range m.products.steps() {
		if len(s.paths) > 0 {
			names = append(names, s.name)
		}
	}
	return names
}
