package segment

// People appends the people whom some ids of one person address: one for each user id;
// without one, for each anonymous id; without these, for each e-mail address. The first
// usable anonymous id and address ride along. Ids that are nobody's are left out.
func (p *Placeholders) People(people []Identity, users, anons, emails []string) []Identity {
	before := len(people)
	add := func(user, anon, email string) {
		if who := p.identity(user, anon, email); !who.IsZero() {
			people = append(people, who)
		}
	}
	anon, email := p.riders(anons, emails)
	for _, id := range users {
		if p.Usable(id) {
			add(id, anon, email)
		}
	}
	if len(people) > before {
		return people
	}
	for _, id := range anons {
		add("", id, email)
	}
	if len(people) > before {
		return people
	}
	for _, email := range emails {
		add("", "", email)
	}
	return people
}

// riders returns the first usable anonymous id, and the hash of the first usable address.
func (p *Placeholders) riders(anons, emails []string) (anon, email string) {
	for _, id := range anons {
		if p.Usable(id) {
			anon = id
			break
		}
	}
	for i := 0; i < len(emails) && email == ""; i++ {
		email = p.Identity("", "", emails[i]).EmailSHA1 // hashed once
	}
	return anon, email
}
