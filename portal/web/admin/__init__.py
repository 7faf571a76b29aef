"""The pages for who looks after the portal: support reads them, admins settle what is found."""
