package parquet

// room returns buf with space for n more elements. It at least doubles what it
// grows: append's smaller steps would copy large buffers many times, and clear
// what new memory has clear already.
func room[T any](buf []T, n int) []T {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	return append(make([]T, 0, max(len(buf)+n, 2*cap(buf))), buf...)
}

// zeros returns n zeros and has written each: new memory that is read before it
// is written is mapped twice by the system, and the second time all cores have to
// be told.
func zeros[T any](n int) []T {
	z := make([]T, n)
	clear(z)
	return z
}

// trim empties a buffer, and lets go of one that an exception made large.
func trim[T any](buf []T) []T {
	if cap(buf) > 4*pageBytes {
		return nil
	}
	return buf[:0]
}
